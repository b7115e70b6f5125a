/** CREATE (RFC 9051 §6.3.4; USE: RFC 6154 §3; MAILBOXID: RFC 8474 §4.1). Missing parents are made too. */
import { newId } from '#store/ids.ts';
import type { Role } from '#store/types.ts';
import { defineCommand, no, ok, Refused } from '../command.ts';
import { type Cursor, SP } from '../grammar/cursor.ts';
import { parseParenthesised } from '../grammar/list.ts';
import { parseMailbox } from '../grammar/mailbox.ts';
import { commit, missingParents, newMailboxName } from '../mailboxes.ts';

interface CreateArguments {
  readonly name: string;
  /** Special uses, in upper case with the backslash. */
  readonly uses: readonly string[];
}

const ROLES: ReadonlyMap<string, Role> = new Map([
  ['\\ARCHIVE', 'archive'],
  ['\\DRAFTS', 'drafts'],
  ['\\JUNK', 'junk'],
  ['\\SENT', 'sent'],
  ['\\TRASH', 'trash'],
]);

export const create = defineCommand({
  name: 'CREATE',
  allowedIn: ['authenticated', 'selected'],
  capabilities: ['CREATE-SPECIAL-USE'],
  parse: parseCreate,
  run: async ({ name: given, uses }, context, state) => {
    const name = newMailboxName(given);
    const role = roleOf(uses);
    const { mailboxes } = await context.services.store.mailboxes(state.access);
    if (mailboxes.some((mailbox) => mailbox.name === name)) return no('Mailbox exists already', 'ALREADYEXISTS');
    if (role !== undefined && mailboxes.some((mailbox) => mailbox.role === role)) {
      return no('Another mailbox has that use', 'USEATTR');
    }
    const id = newId('mailbox', context.services.random);
    await commit(context, state, [
      ...missingParents(context, mailboxes, name),
      { type: 'create-mailbox', id, name, ...(role && { role }) },
    ]);
    return ok('CREATE completed', `MAILBOXID (${id})`);
  },
});

/** RFC 6154 §3: a use that can't be had fails the command, with USEATTR. */
function roleOf(uses: readonly string[]): Role | undefined {
  if (uses.length === 0) return undefined;
  const role = ROLES.get(uses[0]!);
  if (role === undefined || uses.length > 1) throw new Refused(no('That special use can not be had', 'USEATTR'));
  return role;
}

function parseCreate(cursor: Cursor): CreateArguments {
  cursor.sp();
  const name = parseMailbox(cursor);
  let uses: readonly string[] = [];
  if (cursor.try(SP)) {
    uses = parseParenthesised(cursor, parseUse, 'filled').flat();
  }
  cursor.end();
  return { name, uses };
}

function parseUse(cursor: Cursor): string[] {
  if (!cursor.tryKeyword('USE')) cursor.fail('unknown create parameter');
  cursor.sp();
  return parseParenthesised(
    cursor,
    (c) => {
      c.expect(0x5c);
      return `\\${c.keyword()}`;
    },
    'empty',
  );
}
