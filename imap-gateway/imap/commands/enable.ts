/** ENABLE (RFC 9051 §6.3.1, RFC 5161). What we don't know is passed over in silence. */
import { defineCommand, ok } from '../command.ts';
import { type Cursor, SP } from '../grammar/cursor.ts';
import { enableCondstore } from '../notify.ts';
import type { Enableable } from '../session.ts';

const KNOWN: readonly Enableable[] = ['CONDSTORE', 'IMAP4rev2', 'UTF8=ACCEPT'];

export const enable = defineCommand({
  name: 'ENABLE',
  allowedIn: ['authenticated', 'selected'],
  // UTF8=ACCEPT: RFC 6855 §3.
  capabilities: ['ENABLE', 'UTF8=ACCEPT'],
  parse: parseEnable,
  run: async (asked, context) => {
    const { enabled } = context.session;
    const fresh = KNOWN.filter((name) => asked.has(name.toUpperCase()) && !enabled.has(name));
    for (const name of fresh) {
      if (name === 'CONDSTORE') enableCondstore(context);
      else enabled.add(name);
    }
    context.out.write(`* ENABLED${fresh.map((name) => ` ${name}`).join('')}\r\n`);
    return ok('ENABLE completed');
  },
});

function parseEnable(cursor: Cursor): ReadonlySet<string> {
  const asked = new Set<string>();
  do {
    cursor.sp();
    asked.add(cursor.keyword());
  } while (cursor.peek() === SP);
  cursor.end();
  return asked;
}
