/** The answer that says that somebody is away (RFC 5230 §5), from the settings of the account and what the row knows of the message. Pure. */
import { parseAddress } from '#mail/address.ts';
import type { Autoreply } from '#store/account-rules.ts';
import type { AutoreplyPayload } from '#store/automatic.ts';
import type { Letter } from '../rest/sending/compose.ts';

/** Where neither the account nor the message has a subject. */
const NO_SUBJECT = 'Automatic reply';

/** @param id makes the Message-ID. */
export function answerOf(
  { to, from, subject, inReplyTo, references }: AutoreplyPayload,
  autoreply: Autoreply,
  { id, now }: { readonly id: string; readonly now: number },
): Letter {
  const author = parseAddress(from);
  return {
    from: { name: '', address: author },
    to: [{ name: '', address: parseAddress(to) }],
    cc: [],
    bcc: [],
    replyTo: [],
    // RFC 3834 §3.1.5: the subject of the message with `Auto: ` in front.
    subject: autoreply.subject ?? (subject === '' ? NO_SUBJECT : `Auto: ${subject}`),
    text: autoreply.text,
    html: autoreply.html,
    attachments: [],
    inReplyTo,
    references,
    headers: {
      // RFC 3834 §5: nobody's machine answers it; the parameter is a comment for people.
      'Auto-Submitted': 'auto-replied (vacation)',
      // What Exchange looks at instead.
      'X-Auto-Response-Suppress': 'All',
    },
    messageId: `${id}@${author.domain.replace(/[[\]]/g, '')}`,
    date: now,
  };
}
