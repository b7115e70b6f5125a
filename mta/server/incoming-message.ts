/**
 * One message as it comes in: in memory while it is small, in a spool file once it is not, with our trace field on top; at its end it is handed to the
 * `MessageSink`, whose answer is the reply to the final dot.
 */
import type { Envelope } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { forwardMark, marksField } from '#mail/header/forward-marks.ts';
import type { DateTime } from '#mail/mime/message-index.ts';
import type { Reply } from '#mail/smtp/reply.ts';
import { faultPoint } from '#runtime/fault-points.ts';
import type { ContentSink } from '#runtime/smtp/receiver-content.ts';
import type { GreetedSession, Transaction } from '#runtime/smtp/session.ts';
import type { SenderLists } from '#store/account-rules.ts';
import type { Login } from '#store/directory.ts';
import type { AcceptedMessage } from '../message-sink.ts';
import { authorsOf, checkAuthors, signingDomain } from '../submission/authors.ts';
import { missingFields } from '../submission/missing-fields.ts';
import { withoutForgedResults } from './forged-results.ts';
import { newQueueId } from './ids.ts';
import { readHeader } from './message-header.ts';
import { type Recipient, resolveRecipient, type Target, uniqueTargets } from './recipients.ts';
import { checkWriters } from './screening.ts';
import { isSubmission, type Peer, type SmtpServices, type SpoolFile } from './services.ts';
import { receivedField } from './trace.ts';

/** Octets kept in memory; a header must end within them, or we couldn't see what is in it. */
export const MEMORY_LIMIT = 262_144;
/** A sender of single octets must not cost an object for each. */
const CHUNKS = 64;

export class IncomingMessage implements ContentSink {
  readonly id: string;
  readonly #services: SmtpServices;
  readonly #peer: Peer;
  readonly #session: GreetedSession<Recipient, Login>;
  readonly #transaction: Transaction<Recipient>;
  readonly #arrivedAt: number;
  #chunks: Buffer[] = [];
  #size = 0;
  #marks: readonly string[] = [];
  /** Of what somebody who logged in wrote, or what is screened. */
  #header: string | undefined;
  #file: Promise<SpoolFile> | undefined;

  constructor(
    services: SmtpServices,
    peer: Peer,
    session: GreetedSession<Recipient, Login>,
    transaction: Transaction<Recipient>,
  ) {
    this.#services = services;
    this.#peer = peer;
    this.#session = session;
    this.#transaction = transaction;
    this.#arrivedAt = services.clock.now();
    this.id = newQueueId(services.clock, services.random);
  }

  write(chunk: Buffer): Promise<void> | undefined {
    this.#size += chunk.length;
    if (this.#file !== undefined) return this.#append(this.#file, chunk);
    this.#chunks.push(chunk);
    if (this.#size > MEMORY_LIMIT) return this.#spill();
    if (this.#chunks.length > CHUNKS) this.#chunks = [Buffer.concat(this.#chunks)];
    return undefined;
  }

  async finish(): Promise<readonly Reply[]> {
    const content = await this.#content();
    faultPoint('mta:received');
    const { targets, signAs } = await this.#checked().catch((error: unknown) => {
      this.abort();
      throw error;
    });
    const envelope = this.#envelope(targets.map((target) => target.path));
    const message: AcceptedMessage = {
      id: this.id,
      deliveryId: this.#transaction.mail.deliveryId ?? this.id,
      envelope,
      local: targets.map((target) => target.local),
      content,
      arrivedAt: this.#arrivedAt,
      ...(signAs !== undefined && { signAs }),
      // Never of strangers: with an envelope id that they saw in a report they could say what came of another's message.
      ...(this.#peer.kind === 'submission-unix' &&
        this.#session.login &&
        envelope.envelopeId !== undefined && { tracked: true }),
    };
    const answer = await this.#services.sink.accept(message);
    this.#services.log.info(
      {
        id: this.id,
        size: this.#size,
        recipients: targets.length,
        login: this.#session.login?.address,
        code: answer.code,
        text: answer.lines[0],
      },
      'message received',
    );
    faultPoint('mta:answering');
    return [answer];
  }

  abort(): void {
    this.#chunks = [];
    const file = this.#file;
    if (file === undefined) return;
    void file
      .then((open) => open.remove())
      .catch((error: unknown) => this.#services.log.warn({ id: this.id, err: error }, 'cannot remove a spool file'));
  }

  async #content(): Promise<AcceptedMessage['content']> {
    if (this.#file === undefined) {
      return { data: Buffer.concat(this.#marked(this.#whole())) };
    }
    const file = await this.#file;
    try {
      await file.close();
    } catch (error) {
      this.abort();
      throw error;
    }
    return { file: file.path, size: this.#size };
  }

  async #spill(): Promise<void> {
    const whole = this.#whole();
    const [top, head] = this.#marked(whole);
    this.#chunks = [];
    this.#size += top.length + head.length - whole.length;
    this.#file = this.#services.spool.create(this.id);
    const file = await this.#file;
    await file.write(top);
    await file.write(head);
    faultPoint('mta:spooling');
  }

  async #append(file: Promise<SpoolFile>, chunk: Buffer): Promise<void> {
    await (await file).write(chunk);
  }

  #whole(): Buffer {
    const [first] = this.#chunks;
    return this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
  }

  /** What we put on top, and the head without what is forged in our name. Throws `loop` when the message has passed too many hosts (RFC 5321 §6.3). */
  #marked(head: Buffer): readonly [Buffer, Buffer] {
    const { config } = this.#services;
    const facts = readHeader(head);
    if (facts.length === undefined && this.#size > MEMORY_LIMIT)
      throw new MailError('too-large', `The header is larger than ${MEMORY_LIMIT} octets`);
    if (facts.received > config.limits.receivedFields)
      throw new MailError('loop', 'Too many hops: the message seems to loop');
    const at = localTime(this.#arrivedAt);
    const received = receivedField(this.#peer, this.#session, this.#transaction, {
      by: config.hostname,
      id: this.id,
      at,
    });
    this.#marks = facts.marks;
    const followed = this.#transaction.recipients.flatMap((recipient) => recipient.followed ?? []);
    const redirector = this.#redirector();
    if (redirector !== undefined) {
      if (facts.marks.includes(forwardMark(redirector)))
        throw new MailError('loop', 'This account has sent it on before');
      followed.push(redirector);
    }
    const marks = followed.length === 0 ? '' : marksField(followed.map(forwardMark));
    // Without a login it is what others sent, passed on by our MDA; and what an account sends on was written by others.
    const submitted = isSubmission(this.#peer) && this.#session.login !== undefined && redirector === undefined;
    if (submitted || this.#screen() !== undefined) this.#header = head.toString('latin1', 0, facts.length);
    const missing = submitted ? missingFields(facts, this.id, config.hostname, at) : '';
    const genuine = facts.hasResults ? withoutForgedResults(head, facts.length ?? head.length, config.hostname) : head;
    return [Buffer.from(received + marks + missing), genuine];
  }

  /** Who gets it, and who may sign what leaves; throws `not-permitted` where somebody writes in another's name, `rejected` for a blocked author. */
  async #checked(): Promise<{ targets: readonly Target[]; signAs: string | undefined }> {
    const { directory, config } = this.#services;
    const { login } = this.#session;
    const screen = this.#screen();
    if (screen !== undefined) checkWriters(screen, this.#transaction.mail.reversePath, this.#header ?? '');
    if (login !== undefined && this.#header !== undefined)
      await checkAuthors(directory, login, authorsOf(this.#header), config.login.headerFrom);
    const targets = uniqueTargets(await this.#recipients());
    const leaves = targets.some((target) => !target.local);
    if (login === undefined || this.#header === undefined || !leaves) return { targets, signAs: undefined };
    return { targets, signAs: await signingDomain(directory, login, this.#header, config.login.headerFrom) };
  }

  /** Of strangers' mail, where this peer blocks anybody. */
  #screen(): SenderLists | undefined {
    return this.#transaction.recipients.find(({ screen }) => screen !== undefined)?.screen;
  }

  /** The account that sends on what came to it (XREDIRECT). */
  #redirector(): string | undefined {
    return this.#transaction.mail.redirect ? this.#session.login?.account : undefined;
  }

  /** Forwards that the message has passed before are not followed again: each account gets its own copy, and the circle ends. */
  async #recipients(): Promise<readonly Recipient[]> {
    const { recipients } = this.#transaction;
    const passed = (account: string): boolean => this.#marks.includes(forwardMark(account));
    if (!recipients.some(({ followed }) => followed?.some(passed))) return recipients;
    const { directory, config } = this.#services;
    const again = recipients.map(async (recipient): Promise<Recipient> => {
      if (!recipient.followed?.some(passed)) return recipient;
      const found = await resolveRecipient(directory, recipient.given, config.hostname, passed);
      if (found.kind !== 'targets') throw new MailError('loop', 'This message is going round in circles');
      return { given: recipient.given, ...found };
    });
    return await Promise.all(again);
  }

  #envelope(forwardPaths: Envelope['forwardPaths']): Envelope {
    const { mail } = this.#transaction;
    return {
      reversePath: mail.reversePath,
      forwardPaths,
      bodyType: mail.body ?? '7bit',
      smtputf8: mail.smtputf8,
      ...(mail.envelopeId === undefined ? {} : { envelopeId: mail.envelopeId }),
      ...(mail.ret === undefined ? {} : { ret: mail.ret }),
    };
  }
}

/** RFC 5321 §4.4: local time with its offset SHOULD be used. */
function localTime(time: number): DateTime {
  return { time, zone: 0 - new Date(time).getTimezoneOffset() };
}
