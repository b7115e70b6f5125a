/**
 * Untagged news of the selected mailbox (RFC 9051 §5.2, §7.5): EXPUNGE first, then EXISTS, then changed flags, all in the numbering that the client
 * has at that moment.
 */

import { SYSTEM_FLAGS } from '#store/flags.ts';
import type { CommandContext, UpdateScope } from './command.ts';
import { formatFlags, formatFlagsResponse, permanentFlagsCode } from './response/flags.ts';
import type { SelectedMailbox, Session } from './session.ts';

const BATCH = 512;

/** Thrown when the selected mailbox was removed by somebody else: there is no way to tell but BYE (RFC 2180 §3.3), with the message for its text. */
export class MailboxGone extends Error {
  constructor(text = 'The selected mailbox was removed', options?: ErrorOptions) {
    super(text, options);
    this.name = 'MailboxGone';
  }
}

export async function reportNews(context: CommandContext, scope: UpdateScope): Promise<void> {
  const { state } = context.session;
  if (scope === 'none' || state.name !== 'selected') return;
  const { view, numbering } = state.selected;
  if (view.removed) throw new MailboxGone();
  if (!numbering.pending) return;
  reportKeywords(context, state.selected);
  // RFC 9051 §7.5.1: no EXPUNGE while FETCH, STORE or SEARCH by number is answered. EXISTS may grow all the same.
  if (scope === 'all') await reportExpunges(context, state.selected);
  if (numbering.takeArrivals()) context.out.write(`* ${numbering.count} EXISTS\r\n`);
  await reportFlags(context, state.selected);
}

async function reportExpunges(context: CommandContext, selected: SelectedMailbox): Promise<void> {
  for (const [first, last] of selected.numbering.takeExpunges()) {
    for (let number = last; number >= first; number -= BATCH) {
      let text = '';
      for (let n = number; n > number - BATCH && n >= first; n--) text += `* ${n} EXPUNGE\r\n`;
      context.out.write(text);
      if (context.out.full) await context.out.ready();
    }
  }
}

/** RFC 9051 §7.3.5: a keyword that the mailbox has not had before is told before a message has it. */
export function reportKeywords(
  context: Pick<CommandContext, 'out'>,
  { view, toldKeywords, readOnly }: SelectedMailbox,
): void {
  const keywords = view.keywords();
  if (keywords.every((keyword) => toldKeywords.has(keyword))) return;
  for (const keyword of keywords) toldKeywords.add(keyword);
  const flags = [...SYSTEM_FLAGS, ...toldKeywords];
  context.out.write(formatFlagsResponse(flags));
  context.out.write(`* OK [${permanentFlagsCode(flags, readOnly)}] Flags that are kept\r\n`);
}

async function reportFlags(context: CommandContext, selected: SelectedMailbox): Promise<void> {
  const { view, numbering } = selected;
  const uids = numbering.takeFlagged((uid) => view.modseqOf(uid), view.columns.modseq);
  // RFC 7162 §3.2.4: once CONDSTORE is on, every FETCH response that we send of ourselves has the MODSEQ.
  const condstore = context.session.enabled.has('CONDSTORE');
  for (let at = 0; at < uids.length; at += BATCH) {
    let text = '';
    for (const uid of uids.slice(at, at + BATCH)) {
      const placement = view.placement(uid);
      const number = numbering.number(uid);
      if (placement === undefined || number === 0) continue;
      const modseq = condstore ? ` MODSEQ (${placement.modseq})` : '';
      text += `* ${number} FETCH (UID ${uid} FLAGS ${formatFlags(placement.flags)}${modseq})\r\n`;
    }
    context.out.write(text);
    if (context.out.full) await context.out.ready();
  }
}

/** Leaves the selected state. Answers true when there was a mailbox to leave. */
export function leaveMailbox(session: Session): boolean {
  const { state } = session;
  if (state.name !== 'selected') return false;
  state.selected.view.release();
  session.state = { name: 'authenticated', login: state.login, access: state.access };
  return true;
}

/**
 * RFC 7162 §3.1: the first command that asks for modseqs switches CONDSTORE on; with a mailbox selected, the client has to learn its
 * HIGHESTMODSEQ then.
 */
export function enableCondstore(context: Pick<CommandContext, 'session' | 'out'>): void {
  const { session, out } = context;
  if (session.enabled.has('CONDSTORE')) return;
  session.enabled.add('CONDSTORE');
  if (session.state.name !== 'selected') return;
  out.write(`* OK [HIGHESTMODSEQ ${session.state.selected.view.highestModseq}] CONDSTORE is on\r\n`);
}
