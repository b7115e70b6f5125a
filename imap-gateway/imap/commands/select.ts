/** SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3; CONDSTORE: RFC 7162 §3.1.8; MAILBOXID: RFC 8474 §4.2). */
import type { MailboxGlance } from '#store/change.ts';
import { SYSTEM_FLAGS } from '#store/flags.ts';
import type { Mailbox } from '#store/types.ts';
import { type Command, defineCommand, ok } from '../command.ts';
import { parseSelect } from '../grammar/select.ts';
import { requireMailbox } from '../mailboxes.ts';
import { leaveMailbox } from '../notify.ts';
import { openMailbox } from '../opening.ts';
import { formatFlagsResponse, permanentFlagsCode } from '../response/flags.ts';
import { formatList } from '../response/mailbox.ts';
import { isRev2, type SelectedMailbox, type Session, usesUtf8 } from '../session.ts';

export const select = selecting('SELECT', false);
export const examine = selecting('EXAMINE', true);

function selecting(name: 'SELECT' | 'EXAMINE', readOnly: boolean): Command {
  return defineCommand({
    name,
    allowedIn: ['authenticated', 'selected'],
    // What is selected is reported from now on; SELECT itself tells everything as of now.
    updates: 'none',
    parse: parseSelect,
    run: async (args, context, state) => {
      // §6.3.2: the mailbox before is left even if this SELECT fails. CLOSED parts the responses of the two.
      if (leaveMailbox(context.session)) context.out.write('* OK [CLOSED] Previous mailbox is closed\r\n');
      const mailbox = await requireMailbox(context, state, args.mailbox);
      const opened = await openMailbox(context, state.access, mailbox, readOnly);
      const { login, access } = state;
      const enter = (selected: SelectedMailbox): void => {
        context.session.state = { name: 'selected', login, access, selected };
      };
      context.out.write(describe(context.session, mailbox, readOnly, opened.told));
      // RFC 7162 §3.1.8: HIGHESTMODSEQ has just been told.
      if (args.condstore) context.session.enabled.add('CONDSTORE');
      const done = ok(`${name} completed`, readOnly ? 'READ-ONLY' : 'READ-WRITE');
      if ('read' in opened) return { ...done, afterwards: async () => enter(await opened.read()) };
      enter(opened.selected);
      return done;
    },
  });
}

function describe(session: Session, { id, name }: Mailbox, readOnly: boolean, told: MailboxGlance): string {
  const flags = [...SYSTEM_FLAGS, ...told.keywords];
  const lines = [
    formatFlagsResponse(flags),
    `* OK [${permanentFlagsCode(flags, readOnly)}] Flags that are kept\r\n`,
    `* ${told.messages} EXISTS\r\n`,
    // RFC 9051 appendix E: RECENT and UNSEEN are of IMAP4rev1 only.
    ...(isRev2(session) ? [] : ['* 0 RECENT\r\n', ...unseen(told)]),
    `* OK [UIDVALIDITY ${told.uidValidity}] UIDs are valid\r\n`,
    `* OK [UIDNEXT ${told.uidNext}] Predicted next UID\r\n`,
    `* OK [HIGHESTMODSEQ ${told.highestModseq}] Highest\r\n`,
    `* OK [MAILBOXID (${id})] Id\r\n`,
    // §6.3.2: IMAP4rev2 repeats the name as LIST would have it.
    ...(isRev2(session) ? [formatList('LIST', { attributes: [], name }, usesUtf8(session))] : []),
  ];
  return lines.join('');
}

/** RFC 3501 §7.1: the number of the first unseen message, absent when all were seen, or when it would have to be looked for. */
function unseen({ firstUnseen }: MailboxGlance): string[] {
  return firstUnseen === undefined ? [] : [`* OK [UNSEEN ${firstUnseen}] First unseen\r\n`];
}
