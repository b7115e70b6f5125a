/** GETQUOTA and GETQUOTAROOT (RFC 9208 §4.1): one root, the account, named by the empty string; STORAGE in units of 1024 octets. */
import type { AccountState } from '#store/types.ts';
import { defineCommand, no, ok } from '../command.ts';
import type { Cursor } from '../grammar/cursor.ts';
import { requireMailbox } from '../mailboxes.ts';
import { formatMailbox } from '../response/strings.ts';
import { usesUtf8 } from '../session.ts';
import { parseOneMailbox } from './subscribe.ts';

export const getquota = defineCommand({
  name: 'GETQUOTA',
  allowedIn: ['authenticated', 'selected'],
  capabilities: ['QUOTA', 'QUOTA=RES-STORAGE'],
  parse: parseRoot,
  run: async (root, context, state) => {
    const response = quotaResponse(await context.services.store.accountState(state.access));
    if (root !== '' || response === undefined) return no('No such quota root', 'NONEXISTENT');
    context.out.write(response);
    return ok('GETQUOTA completed');
  },
});

export const getquotaroot = defineCommand({
  name: 'GETQUOTAROOT',
  allowedIn: ['authenticated', 'selected'],
  parse: parseOneMailbox,
  run: async (name, context, state) => {
    const mailbox = await requireMailbox(context, state, name);
    const response = quotaResponse(await context.services.store.accountState(state.access));
    const shown = formatMailbox(mailbox.name, usesUtf8(context.session));
    // §4.2.2: a mailbox may have no root at all.
    context.out.write(response === undefined ? `* QUOTAROOT ${shown}\r\n` : `* QUOTAROOT ${shown} ""\r\n${response}`);
    return ok('GETQUOTAROOT completed');
  },
});

function quotaResponse(state: AccountState): string | undefined {
  if (state.quotaBytes === undefined) return undefined;
  const kilo = (octets: number): number => Math.ceil(octets / 1024);
  return `* QUOTA "" (STORAGE ${kilo(state.usedBytes)} ${kilo(state.quotaBytes)})\r\n`;
}

function parseRoot(cursor: Cursor): string {
  cursor.sp();
  const root = cursor.text();
  cursor.end();
  return root;
}
