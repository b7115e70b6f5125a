/** The trial of a program that submits: what it sent arrives whole, marked as received over TLS with authentication. */
import assert from 'node:assert/strict';
import { readMailbox } from '#test/support/mail-client.ts';
import type { ClientPeer } from './client-peer.ts';

export const SUBMISSION_WAYS = [
  { port: 'submission', tls: 'STARTTLS on 587' },
  { port: 'submissions', tls: 'TLS on 465' },
] as const;

export const BODY = ['first line', '.', '..two dots', '.dot', 'grüße – 漢字', 'From the start', 'last'];

/** The newest message of a person, which must have come by submission. */
export async function assertSubmitted(client: ClientPeer, user: string, subject: string): Promise<string> {
  const messages = await readMailbox(client.person(user), 1);
  const text = messages.map((raw) => raw.toString('utf8')).find((raw) => raw.includes(`\r\nSubject: ${subject}\r\n`));
  assert.ok(text, `no message "${subject}" among ${messages.length}`);
  assert.match(text, /^Received: from [^;]* with ESMTPSA /m);
  assert.match(text, /^Message-ID: <[^>]+@[^>]+>\r$/im);
  assert.match(text, /^Date: /m);
  assert.ok(text.includes(`\r\n\r\n${BODY.join('\r\n')}\r\n`), text);
  return text;
}
