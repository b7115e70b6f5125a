/** SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3; CONDSTORE: RFC 7162 §3.1.8; MAILBOXID: RFC 8474 §4.2). */
import { SYSTEM_FLAGS } from '#store/flags.ts';
import type { Mailbox } from '#store/types.ts';
import { type Command, type CommandContext, defineCommand, ok } from '../command.ts';
import { parseSelect } from '../grammar/select.ts';
import { requireMailbox } from '../mailboxes.ts';
import { leaveMailbox } from '../notify.ts';
import { formatFlagsResponse, permanentFlagsCode } from '../response/flags.ts';
import { formatList } from '../response/mailbox.ts';
import { isRev2, type SelectedMailbox, usesUtf8 } from '../session.ts';
import { View } from '../view.ts';

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
      const view = new View(await context.services.views.open(state.access, mailbox.id));
      const selected = newSelected(mailbox, view, readOnly);
      const { login, access } = state;
      context.session.state = { name: 'selected', login, access, selected };
      context.out.write(describe(context, selected));
      // RFC 7162 §3.1.8: HIGHESTMODSEQ has just been told.
      if (args.condstore) context.session.enabled.add('CONDSTORE');
      return ok(`${name} completed`, readOnly ? 'READ-ONLY' : 'READ-WRITE');
    },
  });
}

function newSelected(mailbox: Mailbox, view: View, readOnly: boolean): SelectedMailbox {
  const { id, name } = mailbox;
  return {
    id,
    name,
    readOnly,
    uidValidity: view.uidValidity,
    view,
    numbering: view.numbering,
    toldKeywords: new Set(view.keywords()),
    saved: [],
  };
}

function describe(context: CommandContext, selected: SelectedMailbox): string {
  const { view, numbering, readOnly, name, id } = selected;
  const { session } = context;
  const flags = [...SYSTEM_FLAGS, ...view.keywords()];
  const lines = [
    formatFlagsResponse(flags),
    `* OK [${permanentFlagsCode(flags, readOnly)}] Flags that are kept\r\n`,
    `* ${numbering.count} EXISTS\r\n`,
    // RFC 9051 appendix E: RECENT and UNSEEN are of IMAP4rev1 only.
    ...(isRev2(session) ? [] : ['* 0 RECENT\r\n', ...unseen(selected)]),
    `* OK [UIDVALIDITY ${view.uidValidity}] UIDs are valid\r\n`,
    `* OK [UIDNEXT ${view.uidNext}] Predicted next UID\r\n`,
    `* OK [HIGHESTMODSEQ ${view.highestModseq}] Highest\r\n`,
    `* OK [MAILBOXID (${id})] Id\r\n`,
    // §6.3.2: IMAP4rev2 repeats the name as LIST would have it.
    ...(isRev2(session) ? [formatList('LIST', { attributes: [], name }, usesUtf8(session))] : []),
  ];
  return lines.join('');
}

/** RFC 3501 §7.1: the number of the first unseen message, absent when all were seen. */
function unseen(selected: SelectedMailbox): string[] {
  const uid = selected.view.firstUnseen();
  return uid === undefined ? [] : [`* OK [UNSEEN ${selected.numbering.number(uid)}] First unseen\r\n`];
}
