/** From a request to a letter: what it refers to is fetched, what it leaves out is filled in. */
import { formatAddress } from '#mail/address.ts';
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { Access, MessageId } from '#store/types.ts';
import { namedIds } from '../mail/named-ids.ts';
import type { RestServices } from '../services.ts';
import type { Attachment, Letter } from './compose.ts';
import { badInput, type Correspondent, correspondent, correspondents, readAddress } from './correspondents.ts';
import { checkedHeaders } from './headers.ts';
import {
  attachmentOf,
  loadOriginal,
  messageAttachment,
  partAttachment,
  type ReferredMessage,
  type ReferredPart,
} from './originals.ts';
import {
  forwardedHtml,
  forwardedText,
  forwardSubject,
  htmlOf,
  quotedHtml,
  quotedText,
  referencesTo,
  replyRecipients,
  replySubject,
} from './quote.ts';
import type { AttachmentInput, ComposeRequest } from './schemas.ts';

/** Whose letter it is. */
export interface Writer {
  readonly access: Access;
  readonly address: string;
}

type Services = Pick<RestServices, 'store' | 'directory' | 'clock' | 'random' | 'config'>;

/** The message that it answers or forwards, for its $answered or $forwarded. */
export interface Reference {
  readonly message: MessageId;
  readonly keyword: '\\Answered' | '$Forwarded';
}

export interface Written {
  readonly letter: Letter;
  readonly reference: Reference | undefined;
}

/** @throws HttpProblem 400, MailError `no-such-message`, `not-permitted` (From), `too-large`. */
export async function writeLetter(services: Services, writer: Writer, request: ComposeRequest): Promise<Written> {
  if (request.inReplyTo !== undefined && request.forwardOf !== undefined) {
    throw badInput({ path: '/body/forwardOf', message: 'can’t stand beside inReplyTo' });
  }
  const from = await sender(services, writer, request);
  const referred = request.inReplyTo ?? request.forwardOf;
  const original = referred === undefined ? undefined : await loadOriginal(services.store, writer.access, referred);
  const isReply = request.inReplyTo !== undefined;
  const budget = new Budget(services.config.limits.messageSize);
  const body = texts(request, original, isReply);
  const given = await givenAttachments(services, writer, request, budget);
  const passedOn = passedParts(original, isReply, body.html, given);
  const attachments = [...given, ...(await passedAttachments(services, writer, original, passedOn, budget))];
  const to = correspondents(request.to, '/body/to');
  const cc = correspondents(request.cc, '/body/cc');
  const bcc = correspondents(request.bcc, '/body/bcc');
  const nobody = to.length + cc.length + bcc.length === 0;
  const letter: Letter = {
    from,
    to: nobody && isReply && original ? replyRecipients(original.headers) : to,
    cc,
    bcc,
    replyTo: correspondents(request.replyTo, '/body/replyTo'),
    subject: oneLine(request.subject ?? subjectOf(original, isReply)),
    ...body,
    attachments,
    inReplyTo: isReply ? original?.headers.messageId : undefined,
    references: original === undefined ? [] : referencesTo(original.headers),
    headers: checkedHeaders(request.headers),
    messageId: `${newId('message', services.random)}@${from.address.domain.replace(/[[\]]/g, '')}`,
    date: services.clock.now(),
  };
  budget.take(Buffer.byteLength(letter.text ?? '') + Buffer.byteLength(letter.html ?? ''));
  const keyword = isReply ? '\\Answered' : '$Forwarded';
  return { letter, reference: referred === undefined ? undefined : { message: referred, keyword } };
}

/** @throws HttpProblem 400, MailError `not-permitted`. */
async function sender(
  { directory }: Services,
  { access, address }: Writer,
  { from }: ComposeRequest,
): Promise<Correspondent> {
  if (from === undefined) {
    const own = readAddress(address);
    if (own === undefined) throw new MailError('unavailable', 'The account has no address');
    return { name: '', address: own };
  }
  const given = correspondent(from, '/body/from');
  if (await directory.maySendAs(access.owner, given.address)) return given;
  throw new MailError('not-permitted', `You may not send as ${formatAddress(given.address)}`);
}

function subjectOf(original: ReferredMessage | undefined, isReply: boolean): string {
  if (original === undefined) return '';
  return isReply ? replySubject(original.headers.subject) : forwardSubject(original.headers.subject);
}

const oneLine = (text: string): string => text.replace(/[\0-\x1f\x7f]+/g, ' ').trim();

function texts(
  { text, html, quote }: ComposeRequest,
  original: ReferredMessage | undefined,
  isReply: boolean,
): Pick<Letter, 'text' | 'html'> {
  if (original === undefined || quote === false) return { text, html };
  const addText = isReply ? quotedText : forwardedText;
  const addHtml = isReply ? quotedHtml : forwardedHtml;
  // Who writes plain text about an HTML message still passes its looks on when forwarding.
  const own = html ?? (isReply || original.html === undefined ? undefined : htmlOf(text ?? ''));
  return {
    text: text === undefined && html !== undefined ? undefined : addText(text ?? '', original),
    html: own === undefined ? undefined : addHtml(own, original),
  };
}

/** What a message may have in octets, before encodings make it larger: no letter grows over it in memory. */
class Budget {
  readonly #limit: number;
  #left: number;

  constructor(limit: number) {
    this.#limit = limit;
    this.#left = limit;
  }

  take(octets: number): void {
    this.#left -= octets;
    if (this.#left < 0) throw new MailError('too-large', `A message may have ${this.#limit} octets`);
  }
}

/** Each is a read; anybody may send a message of a hundred thousand. */
const MOST_PASSED = 200;

async function givenAttachments(
  services: Services,
  { access }: Writer,
  request: ComposeRequest,
  budget: Budget,
): Promise<Attachment[]> {
  const all: Attachment[] = [];
  for (const [i, given] of (request.attachments ?? []).entries()) {
    const one = await attachment(services, access, given, `/body/attachments/${i}`);
    budget.take(one.content.length);
    all.push(one);
  }
  return all;
}

/**
 * What of the other message goes along: of a forward everything, of a reply the pictures that the quoted HTML shows. They keep the Content-ID by which it
 * names them, unless the writer has taken it.
 */
function passedParts(
  original: ReferredMessage | undefined,
  isReply: boolean,
  html: string | undefined,
  given: readonly Attachment[],
): readonly ReferredPart[] {
  const named = new Set(html === undefined ? [] : namedIds(html));
  for (const { contentId } of given) if (contentId !== undefined) named.delete(contentId);
  const parts = (original?.attachments ?? []).map((part) => {
    // Once: a second one of the same id is an attachment.
    const isShown = part.contentId !== undefined && named.delete(part.contentId);
    return isShown ? part : { ...part, contentId: undefined };
  });
  const passed = isReply ? parts.filter(({ contentId }) => contentId !== undefined) : parts;
  if (passed.length > MOST_PASSED) {
    throw isReply
      ? badInput({ path: '/body/inReplyTo', message: 'shows too many pictures: set quote to false' })
      : badInput({ path: '/body/forwardOf', message: 'has too many attachments: attach the message whole' });
  }
  return passed;
}

async function passedAttachments(
  { store }: Services,
  { access }: Writer,
  original: ReferredMessage | undefined,
  parts: readonly ReferredPart[],
  budget: Budget,
): Promise<Attachment[]> {
  const all: Attachment[] = [];
  for (const { node, contentId } of parts) {
    budget.take(((node.bodyEnd - node.bodyStart) * 3) / 4);
    const one = await attachmentOf(store, access, original!.located, node);
    all.push(contentId === undefined ? one : { ...one, disposition: 'inline', contentId });
  }
  return all;
}

async function attachment(
  { store }: Services,
  access: Access,
  given: AttachmentInput,
  path: string,
): Promise<Attachment> {
  const { name, type, content, message, part, disposition, contentId } = given;
  const octets = given.octets ?? (content === undefined ? undefined : Buffer.from(content, 'base64'));
  if ((octets === undefined) === (message === undefined)) {
    throw badInput({ path, message: 'has either content or message' });
  }
  if (part !== undefined && message === undefined) throw badInput({ path, message: 'has a part of no message' });
  const found =
    octets !== undefined
      ? { ...UNNAMED, content: octets }
      : part === undefined
        ? await messageAttachment(store, access, message!)
        : await partAttachment(store, access, message!, part);
  return {
    ...found,
    name: name === undefined ? found.name : oneLine(name),
    type: type ?? found.type,
    disposition: disposition ?? (contentId === undefined ? found.disposition : 'inline'),
    contentId,
  };
}

const UNNAMED = {
  name: undefined,
  type: 'application/octet-stream',
  disposition: 'attachment' as const,
  contentId: undefined,
};
