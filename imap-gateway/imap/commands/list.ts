/**
 * LIST (RFC 9051 §6.3.9), plain and extended (RFC 5258), with CHILDREN (RFC 3348), SPECIAL-USE (RFC 6154) and STATUS (RFC 5819). The plain
 * form tells of children and special uses too.
 */
import { type CommandContext, defineCommand, ok } from '../command.ts';
import { type ListArguments, type ListReturn, type ListSelection, parseList } from '../grammar/mailbox-list.ts';
import { compilePattern } from '../list-pattern.ts';
import { type ListedName, mailboxTree, specialUse } from '../mailbox-tree.ts';
import type { LoggedIn } from '../mailboxes.ts';
import { enableCondstore } from '../notify.ts';
import { formatList, formatStatus } from '../response/mailbox.ts';
import { isRev2, usesUtf8 } from '../session.ts';
import { statusValues } from './status.ts';

export const list = defineCommand({
  name: 'LIST',
  allowedIn: ['authenticated', 'selected'],
  capabilities: ['CHILDREN', 'LIST-EXTENDED', 'LIST-STATUS', 'SPECIAL-USE'],
  parse: parseList,
  run: async (args, context, state) => {
    if (asksForRoot(args)) {
      // §6.3.9: an empty pattern asks for the separator and the root of the reference, which is "" for all our names.
      context.out.write('* LIST (\\Noselect) "/" ""\r\n');
      return ok('LIST completed');
    }
    const tree = mailboxTree(await context.services.store.mailboxes(state.access));
    const matchers = args.patterns.map((pattern) => compilePattern(args.reference + pattern));
    const style = listStyle(args, isRev2(context.session));
    if (args.status?.includes('HIGHESTMODSEQ')) enableCondstore(context);
    for (const entry of tree) {
      if (!matchers.some((matches) => matches(entry.name))) continue;
      const childInfo = childInfoOf(entry, args.selection ?? []);
      if (!isSelected(entry, args.selection ?? []) && childInfo === undefined) continue;
      await write(context, state, args, entry, style, childInfo);
      if (context.out.full) await context.out.ready();
    }
    return ok('LIST completed');
  },
});

function asksForRoot(args: ListArguments): boolean {
  return args.selection === undefined && args.patterns.length === 1 && args.patterns[0] === '';
}

interface Style {
  readonly returns: ReadonlySet<ListReturn>;
  /** What is said of a name without a mailbox: \Noselect to clients that may not know \NonExistent (RFC 5258 §3). */
  readonly nonExistent: string;
}

function listStyle(args: ListArguments, rev2: boolean): Style {
  const returns = new Set(args.returns);
  if (args.selection?.includes('SUBSCRIBED')) returns.add('SUBSCRIBED');
  const { selection, status, patterns } = args;
  const extended = selection !== undefined || args.returns !== undefined || status !== undefined || patterns.length > 1;
  return { returns, nonExistent: rev2 || extended ? '\\NonExistent' : '\\Noselect' };
}

/** RFC 5258 §3.1: a name has to meet all of them. Without SUBSCRIBED, what exists counts: mailboxes, and parents of mailboxes. */
function isSelected(entry: ListedName, selection: readonly ListSelection[]): boolean {
  if (selection.includes('SPECIAL-USE') && specialUse(entry.mailbox?.role) === undefined) return false;
  if (selection.includes('SUBSCRIBED')) return entry.subscribed;
  return entry.mailbox !== undefined || entry.hasChildren;
}

/** RFC 5258 §3.5: with RECURSIVEMATCH, a name stands for those below it that meet the selection. */
function childInfoOf(entry: ListedName, selection: readonly ListSelection[]): readonly string[] | undefined {
  if (!selection.includes('RECURSIVEMATCH')) return undefined;
  const words: ListSelection[] = [];
  if (selection.includes('SUBSCRIBED') && entry.hasSubscribedBelow) words.push('SUBSCRIBED');
  if (selection.includes('SPECIAL-USE') && entry.hasSpecialUseBelow) words.push('SPECIAL-USE');
  return words.length > 0 ? words : undefined;
}

async function write(
  context: CommandContext,
  state: LoggedIn,
  args: ListArguments,
  entry: ListedName,
  style: Style,
  childInfo: readonly string[] | undefined,
): Promise<void> {
  const { out, session } = context;
  const utf8 = usesUtf8(session);
  const { name, mailbox } = entry;
  out.write(
    formatList('LIST', { attributes: attributesOf(entry, style), name, ...(childInfo && { childInfo }) }, utf8),
  );
  if (args.status === undefined || mailbox === undefined || !isSelected(entry, args.selection ?? [])) return;
  out.write(formatStatus(name, await statusValues(context, state, mailbox, args.status), utf8));
}

function attributesOf(entry: ListedName, style: Style): string[] {
  const attributes: string[] = [];
  if (entry.mailbox === undefined) attributes.push(style.nonExistent);
  attributes.push(entry.hasChildren ? '\\HasChildren' : '\\HasNoChildren');
  if (entry.subscribed && style.returns.has('SUBSCRIBED')) attributes.push('\\Subscribed');
  const use = specialUse(entry.mailbox?.role);
  if (use !== undefined) attributes.push(use);
  return attributes;
}
