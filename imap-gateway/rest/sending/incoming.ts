/** The three forms in which a message comes to be sent: JSON, a form with files, or composed already. */
import { MailError } from '#mail/failure.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Access, MessageId } from '#store/types.ts';
import { HttpProblem } from '../problems.ts';
import type { Upload } from '../route.ts';
import type { RestServices } from '../services.ts';
import { inputCheck } from '../validation.ts';
import { SCHEDULED } from './attempt.ts';
import { compose } from './compose.ts';
import { badInput, uniqueAddresses } from './correspondents.ts';
import { type Reference, type Writer, writeLetter } from './letter.ts';
import { type FormPart, formParts } from './multipart.ts';
import { addMessage, placeOf } from './place.ts';
import { completed, type Envelope, envelopeOf } from './raw.ts';
import { type AttachmentInput, type ComposeRequest, SendBody, type SendingOptions } from './schemas.ts';
import { waits } from './submit.ts';

export interface Prepared {
  readonly octets: Buffer;
  readonly envelope: Envelope;
  readonly reference: Reference | undefined;
}

export async function fromRequest(services: RestServices, writer: Writer, request: ComposeRequest): Promise<Prepared> {
  const { letter, reference } = await writeLetter(services, writer, request);
  const { from, to, cc, bcc, messageId, subject } = letter;
  const envelope = { from: from.address, to: uniqueAddresses([...to, ...cc, ...bcc]), messageId, subject };
  return { octets: await compose(letter), envelope, reference };
}

export async function fromRaw(services: RestServices, { access, address }: Writer, given: Buffer): Promise<Prepared> {
  if (given.length === 0) throw new MailError('bad-request', 'The message is empty');
  const domain = address.slice(address.lastIndexOf('@') + 1);
  const { octets, headers } = completed(given, services, domain);
  return { octets, envelope: await envelopeOf(headers, services, access.owner), reference: undefined };
}

/** The whole body: the route's limit bounds it. */
export async function gathered({ stream }: Upload): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const checkBody = inputCheck('body', SendBody);

/** The JSON of the part `message`, with the files of the form behind its own attachments. */
export function formRequest(boundary: string | undefined, body: Buffer): ComposeRequest & SendingOptions {
  const parts = formParts(boundary, body);
  const json = parts.find(({ name, filename }) => name === 'message' && filename === undefined);
  if (json === undefined) throw badInput({ path: '/body/message', message: 'is missing: the JSON of the message' });
  const request = checkBody(parsed(json.content)) as ComposeRequest & SendingOptions;
  const files = parts.filter((part) => part !== json).map(attachmentOf);
  return { ...request, attachments: [...(request.attachments ?? []), ...files] };
}

function attachmentOf({ name, filename, type, content }: FormPart): AttachmentInput {
  if (filename === undefined) throw badInput({ path: `/body/${name}`, message: 'is not known' });
  return { name: filename, type, octets: content };
}

function parsed(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new HttpProblem('bad-request', 'The part `message` is no JSON', {
      errors: [{ path: '/body/message', message: 'is no JSON' }],
    });
  }
}

/** What puts a message that is to be sent into its mailbox. */
export async function filing(
  services: RestServices,
  access: Access,
  { octets }: Prepared,
  options: SendingOptions,
): Promise<{ message: MessageId; mutations: readonly Mutation[] }> {
  const { store, random, clock, config } = services;
  const now = clock.now();
  const later = waits(options, now);
  const place = await placeOf(store, access, later ? 'drafts' : 'sent', random);
  const flags = later ? ['\\Seen', '\\Draft', SCHEDULED] : ['\\Seen'];
  const limit = config.limits.messageSize;
  const add = await addMessage({ store, random, access, limit }, octets, { mailbox: place.id, flags, now });
  return { message: add.message.id, mutations: [...place.mutations, add] };
}
