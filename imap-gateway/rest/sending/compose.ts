/** From what is to be said to the octets that say it. nodemailer makes the MIME structure, the encodings and the folding. Pure. */
import MailComposer from 'nodemailer/lib/mail-composer';
import { formatAddress } from '#mail/address.ts';
import type { Correspondent } from './correspondents.ts';

export interface Attachment {
  readonly name: string | undefined;
  readonly type: string;
  readonly content: Uint8Array;
  readonly disposition: 'attachment' | 'inline';
  readonly contentId: string | undefined;
}

/** A message before it has a form. */
export interface Letter {
  readonly from: Correspondent;
  readonly to: readonly Correspondent[];
  readonly cc: readonly Correspondent[];
  readonly bcc: readonly Correspondent[];
  readonly replyTo: readonly Correspondent[];
  readonly subject: string;
  readonly text: string | undefined;
  readonly html: string | undefined;
  readonly attachments: readonly Attachment[];
  /** Message-IDs without brackets. */
  readonly inReplyTo: string | undefined;
  readonly references: readonly string[];
  /** Checked (headers.ts). */
  readonly headers: Readonly<Record<string, string>>;
  /** Without brackets. */
  readonly messageId: string;
  readonly date: number;
}

/** The whole message, CRLF, Bcc field included: the copy of who sends keeps it, what leaves doesn't (`outgoing.ts`). */
export async function compose(letter: Letter): Promise<Buffer> {
  const node = new MailComposer({
    from: shown(letter.from),
    ...some('to', letter.to),
    ...some('cc', letter.cc),
    ...some('bcc', letter.bcc),
    ...some('replyTo', letter.replyTo),
    subject: letter.subject,
    text: letter.text ?? (letter.html === undefined ? '' : undefined),
    html: letter.html,
    attachments: letter.attachments.map(({ name, type, content, disposition, contentId }) => ({
      filename: name === undefined ? false : oneLine(name),
      contentType: type,
      content: Buffer.from(content.buffer, content.byteOffset, content.byteLength),
      contentDisposition: disposition,
      ...(contentId !== undefined && { cid: contentId }),
    })),
    ...(letter.inReplyTo !== undefined && { inReplyTo: `<${letter.inReplyTo}>` }),
    ...(letter.references.length > 0 && { references: letter.references.map((id) => `<${id}>`).join(' ') }),
    headers: letter.headers,
    messageId: `<${letter.messageId}>`,
    date: new Date(letter.date),
    newline: '\r\n',
    // What is composed comes from somebody else: no file and no page is ever read for it.
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  node.keepBcc = true;
  return await node.build();
}

/** Also of names that came out of another message: there they were encoded. */
const oneLine = (text: string): string => text.replace(/[\0-\x1f\x7f\x85\u2028\u2029]+/g, ' ').trim();

const shown = ({ name, address }: Correspondent): { name: string; address: string } => ({
  name: oneLine(name),
  address: formatAddress(address),
});

function some<K extends string>(
  key: K,
  all: readonly Correspondent[],
): { [_ in K]?: { name: string; address: string }[] } {
  return (all.length === 0 ? {} : { [key]: all.map(shown) }) as { [_ in K]?: { name: string; address: string }[] };
}
