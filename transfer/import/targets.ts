/** Which mailbox of ours takes what stands in a mailbox of theirs: by role first, then by name. */
import { INBOX, isInbox, mailboxName } from '#store/names.ts';
import type { Mailbox, Role } from '#store/types.ts';
import type { SourceMailbox } from './source.ts';

export interface Target {
  readonly source: SourceMailbox;
  readonly name: string;
  /** Given when the mailbox is made. */
  readonly role?: Role;
  /** Everything that stands elsewhere too (Gmail's All Mail): only what was not taken from another mailbox. */
  readonly rest: boolean;
}

const ROLES: { readonly [use: string]: Role } = {
  sent: 'sent',
  drafts: 'drafts',
  trash: 'trash',
  junk: 'junk',
  archive: 'archive',
  all: 'archive',
};
/** Views of what stands in other mailboxes. */
const VIEWS = new Set(['flagged', 'important']);

/** In the order in which they are to be read: what holds everything comes last. */
export function targetsOf(sources: readonly SourceMailbox[], ours: readonly Mailbox[], gmail: boolean): Target[] {
  const taken = new Set(ours.flatMap(({ role }) => role ?? []));
  const roots = new Map<string, string>();
  const out: Target[] = [];
  for (const source of [...sources].sort((a, b) => a.levels.length - b.levels.length)) {
    if (gmail && source.use !== undefined && VIEWS.has(source.use)) continue;
    const role = roleOf(source);
    const own = ours.find((mailbox) => role !== undefined && mailbox.role === role);
    const name = own?.name ?? nameOf(source.levels, roots);
    roots.set(source.levels.join('\0'), name);
    const wanted = own === undefined && role !== undefined && role !== 'inbox' && !taken.has(role);
    if (wanted) taken.add(role);
    out.push({ source, name, rest: source.use === 'all', ...(wanted ? { role } : {}) });
  }
  return out.sort((a, b) => Number(a.rest) - Number(b.rest));
}

function roleOf({ levels, use }: SourceMailbox): Role | undefined {
  if (levels.length === 1 && isInbox(levels[0]!)) return 'inbox';
  return use === undefined ? undefined : ROLES[use];
}

/** Below a mailbox that has another name here, it stands below that. */
function nameOf(levels: readonly string[], roots: ReadonlyMap<string, string>): string {
  for (let depth = levels.length - 1; depth > 0; depth--) {
    const root = roots.get(levels.slice(0, depth).join('\0'));
    if (root !== undefined) return [root, ...levels.slice(depth).map(level)].join('/');
  }
  return mailboxName(levels.map(level).join('/')) ?? INBOX;
}

/** Theirs may have a slash within a level. */
const level = (text: string): string =>
  text
    .normalize('NFC')
    .replace(/[/\x00-\x1f\x7f]/g, '_')
    .slice(0, 200) || '_';
