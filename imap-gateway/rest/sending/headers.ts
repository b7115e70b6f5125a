/** Which fields somebody may set by name: none that says who sent what to whom, when, or how it is to be read. Pure. */
import { badInput } from './correspondents.ts';

const ALLOWED: ReadonlySet<string> = new Set([
  'auto-submitted',
  'comments',
  'disposition-notification-to',
  'expires',
  'feedback-id',
  'importance',
  'keywords',
  'list-archive',
  'list-help',
  'list-id',
  'list-owner',
  'list-post',
  'list-subscribe',
  'list-unsubscribe',
  'list-unsubscribe-post',
  'organization',
  'precedence',
  'priority',
  'sensitivity',
  'user-agent',
]);

/** @throws HttpProblem 400 for a field that may not be set, or a value with a line end. */
export function checkedHeaders(given: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(given)) {
    const path = `/body/headers/${name}`;
    // RFC 5322 §2.2: printable ASCII without the colon.
    if (!/^[!-9;-~]+$/.test(name)) throw badInput({ path, message: 'is no name of a field' });
    const known = ALLOWED.has(name.toLowerCase()) || /^x-/i.test(name);
    if (!known) throw badInput({ path, message: 'is a field that can’t be set by name' });
    // A line end would begin another field.
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(value)) throw badInput({ path, message: 'is a value of one line' });
  }
  return given;
}
