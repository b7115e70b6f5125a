/**
 * Our SMTP and LMTP client (RFC 5321, RFC 2033): a connection over which many messages go, one after another or, where they are small and
 * the peer has PIPELINING and CHUNKING, many at once: `send` may be called again before it has answered.
 * Nothing here decides what a refusal means: `send` answers what the peer said about each recipient, and never throws for the peer's sake.
 */

import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Address } from '#mail/envelope.ts';
import { isPositive, isTransient, type Reply } from '#mail/smtp/reply.ts';
import { connect, type Target } from '../connect.ts';
import type { TlsInfo } from '../connection.ts';
import type { SocketConnection, SocketConnectionOptions } from '../socket-connection.ts';
import { type ActAs, actAs, type Credentials, logIn } from './client-auth.ts';
import {
  CLIENT_TIMEOUTS,
  ClientError,
  type ClientTimeouts,
  type Stage,
  type StreamedMessage,
  type TransactionResult,
} from './client-types.ts';
import { envelopeLines, mailLine, rcptLine } from './command-lines.ts';
import { type ContentChannel, type ContentOutcome, sendByBdat, sendByData } from './content-writer.ts';
import { Extensions } from './extensions.ts';
import { ReplyStream } from './reply-stream.ts';
import { SessionBudget } from './session-budget.ts';
import { isClosing, Transaction } from './transaction.ts';
import { Turns } from './turns.ts';

export interface ClientOptions extends SocketConnectionOptions {
  readonly protocol: 'smtp' | 'lmtp';
  /** What we call ourselves in EHLO or LHLO. */
  readonly hostname: string;
  readonly timeouts?: Partial<ClientTimeouts>;
  /** TLS from the first octet (RFC 8314 §3), verified as these say. */
  readonly implicitTls?: TlsOptions;
  /** Content of up to this many octets in memory leaves along with MAIL and RCPT where the peer can take it so. */
  readonly eagerLimit?: number;
}

const EAGER_LIMIT = 65_536;

type ReplyStage = 'mail' | 'rcpt' | 'final';

export class SmtpClient {
  readonly #connection: SocketConnection;
  readonly #options: ClientOptions;
  readonly #timeouts: ClientTimeouts;
  readonly #replies: ReplyStream;
  #extensions = new Extensions({ code: 250, lines: [''] });
  #name = '';
  /** The peer may hold a transaction of ours that did not end well: RSET goes before the next. */
  #dirty = false;
  #broken = false;
  #inFlight = 0;
  readonly #budget = new SessionBudget();
  readonly #turns = new Turns();

  /** Connects, reads the greeting and says hello. Throws `ClientError`. */
  static async open(target: Target, options: ClientOptions): Promise<SmtpClient> {
    const timeouts = { ...CLIENT_TIMEOUTS, ...options.timeouts };
    let connection: SocketConnection;
    try {
      connection = await connect(target, timeouts.connect, options);
    } catch (cause) {
      throw new ClientError('connect', undefined, { cause });
    }
    const client = new SmtpClient(connection, options, timeouts);
    try {
      if (options.implicitTls !== undefined) await client.#shakeHands(options.implicitTls);
      await client.#greet();
      await client.#hello();
      return client;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  constructor(connection: SocketConnection, options: ClientOptions, timeouts: ClientTimeouts) {
    this.#connection = connection;
    this.#options = options;
    this.#timeouts = timeouts;
    // Whatever it says while nothing was asked is a goodbye: hanging up too lets the peer go.
    this.#replies = new ReplyStream(connection, () => this.destroy());
  }

  /** The name that the peer gave itself. */
  get remoteName(): string {
    return this.#name;
  }

  get extensions(): Extensions {
    return this.#extensions;
  }

  get tls(): TlsInfo | undefined {
    return this.#connection.tls;
  }

  /** False once the peer has said goodbye, hung up or spoken out of turn, or something went wrong. */
  get usable(): boolean {
    return !this.#broken && !this.#connection.signal.aborted && !this.#replies.disturbed;
  }

  /** The peer takes no more transactions in this session (RFC 9422): say goodbye. */
  get spent(): boolean {
    return this.#budget.spent(this.#extensions);
  }

  /** Those recipients that may go into the next transaction; none when they need another session. */
  choose<R extends { readonly address: Address }>(recipients: readonly R[]): R[] {
    return this.#budget.choose(recipients, this.#extensions);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** STARTTLS, then a new EHLO (RFC 3207 §4.2). A refusal of the command leaves the connection usable; a failed handshake doesn't. */
  async startTls(options: TlsOptions): Promise<void> {
    const answer = await this.#command('STARTTLS', 'starttls');
    if (answer.code !== 220) throw new ClientError('starttls', answer);
    await this.#shakeHands(options);
    await this.#hello();
  }

  async #shakeHands(options: TlsOptions): Promise<void> {
    try {
      await this.#connection.startTlsAsClient(this.#timeouts.tls, options);
      this.#replies.reset();
    } catch (cause) {
      this.destroy();
      throw new ClientError('starttls', undefined, { cause });
    }
  }

  /** AUTH, then the connection is a user's. Throws `ClientError`, whose cause is a `MailError` where the server is not to be trusted. Never in the clear. */
  async logIn(credentials: Credentials | ActAs): Promise<void> {
    const say = (line: string): Promise<Reply> => this.#command(line, 'auth');
    if ('actAs' in credentials) return await actAs(say, credentials);
    if (this.tls === undefined) throw new ClientError('auth', undefined, { cause: new Error('no TLS') });
    const random = (length: number): Uint8Array => this.#options.random.bytes(length);
    await logIn({ mechanisms: this.#extensions.mechanisms, exported: this.tls.exporter(), random, say }, credentials);
  }

  /** One transaction. Content that is a function is asked for once at most. RFC 3030 §3: binary content never leaves for a peer that doesn't take it. */
  async send(message: StreamedMessage): Promise<TransactionResult> {
    const transaction = new Transaction(message.recipients.length);
    const content = message.content;
    const eager =
      this.#extensions.pipelines &&
      typeof content !== 'function' &&
      content.length <= (this.#options.eagerLimit ?? EAGER_LIMIT);
    if (message.bodyType === 'binarymime' && !this.#extensions.takesBinary) {
      transaction.loseRest('mail', new Error('the peer takes no binary content'));
      return transaction.result(false);
    }
    const turn = this.#turns.take(!eager);
    this.#inFlight += 1;
    this.#budget.used(message.recipients, this.#extensions);
    this.#replies.busy();
    let stage: Stage = 'mail';
    const enter = (next: Stage): void => {
      stage = next;
    };
    try {
      await turn.mayWrite;
      if (eager) await this.#sendEagerly(message, content, transaction, turn.mayRead, enter);
      else await this.#sendInSteps(message, transaction, turn.mayRead, enter);
    } catch (error) {
      this.destroy();
      transaction.loseRest(stage, error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#inFlight -= 1;
      turn.end();
      if (this.#inFlight === 0 && this.usable) this.#replies.idle();
    }
    return transaction.result(this.#extensions.has('DSN'));
  }

  /** Says goodbye and doesn't wait long for the answer. */
  async quit(): Promise<void> {
    if (!this.usable || this.#inFlight > 0) {
      this.destroy();
      return;
    }
    this.#broken = true;
    try {
      await this.#connection.write('QUIT\r\n');
      await this.#replies.next(this.#timeouts.quit);
      await this.#connection.end();
    } catch {
      // Nothing is owed to anybody any more: the peer may hang up as it likes.
    }
    this.#connection.destroy();
  }

  destroy(): void {
    this.#broken = true;
    this.#connection.destroy();
  }

  /** Everything in one flight: RSET, MAIL, RCPT …, BDAT LAST and the content (RFC 3030 §4.2 with RFC 2920). */
  async #sendEagerly(
    message: StreamedMessage,
    content: Uint8Array,
    transaction: Transaction,
    mayRead: Promise<void>,
    enter: (stage: Stage) => void,
  ): Promise<void> {
    const reset = this.#dirty;
    // Until its answer has been read, nobody knows whether this transaction ends well.
    this.#dirty = true;
    const head = `${envelopeLines(message, this.#extensions, reset)}BDAT ${content.length} LAST\r\n`;
    this.#connection.cork();
    const written = Promise.all([this.#connection.write(head), this.#connection.write(content)]);
    this.#connection.uncork();
    written.catch(() => this.destroy());
    await mayRead;
    // Once the peer has answered anything it may have taken everything, also when the writing seemed to fail.
    await this.#readEnvelope(message, transaction, reset, () => enter('final'));
    if (transaction.accepted.length > 0) {
      const over = await this.#readFinal(transaction);
      if (this.#inFlight === 1) this.#dirty = !over;
    } else if (!this.#broken) {
      // RFC 3030 §2: BDAT without a recipient gets one reply, 503 or 554, which says nothing new.
      await this.#reply('final');
    }
  }

  async #sendInSteps(
    message: StreamedMessage,
    transaction: Transaction,
    mayRead: Promise<void>,
    enter: (stage: Stage) => void,
  ): Promise<void> {
    await mayRead;
    const reset = this.#dirty;
    this.#dirty = true;
    if (this.#extensions.has('PIPELINING')) {
      const written = this.#connection.write(envelopeLines(message, this.#extensions, reset));
      written.catch(() => this.destroy());
      await this.#readEnvelope(message, transaction, reset, () => enter('rcpt'));
    } else await this.#envelopeInSteps(message, transaction, reset);
    if (transaction.accepted.length === 0) return;
    enter('content');
    const outcome = await this.#sendContent(message);
    if (outcome.kind === 'refused') {
      this.#judge(outcome.reply);
      transaction.settleRest('content', outcome.reply);
      // Early complaints come while the peer still waits for the rest: there is no way back into step.
      this.destroy();
      return;
    }
    enter('final');
    this.#dirty = !(await this.#readFinal(transaction));
  }

  async #sendContent(message: StreamedMessage): Promise<ContentOutcome> {
    const channel: ContentChannel = {
      connection: this.#connection,
      replies: this.#replies,
      timeouts: this.#timeouts,
    };
    try {
      return await (this.#extensions.has('CHUNKING') ? sendByBdat : sendByData)(channel, message);
    } catch (error) {
      // A peer that refuses and hangs up while we write: its last words are worth more than the broken pipe.
      if (!this.#replies.waiting) throw error;
      return { kind: 'refused', reply: await this.#replies.next(this.#timeouts.quit) };
    }
  }

  /** Reads the answers to RSET, MAIL and RCPT. A refused MAIL is the answer for all; what RCPT gets then (503) says nothing. */
  async #readEnvelope(
    message: StreamedMessage,
    transaction: Transaction,
    reset: boolean,
    answered: () => void,
  ): Promise<void> {
    if (reset && isClosing(this.#here('mail', transaction) ?? (await this.#settling('mail', transaction)))) return;
    const mail = this.#here('mail', transaction) ?? (await this.#settling('mail', transaction));
    if (isClosing(mail)) return;
    answered();
    if (!isPositive(mail)) transaction.settleRest('mail', mail);
    for (let i = 0; i < message.recipients.length; i++) {
      const answer = this.#here('rcpt', transaction) ?? (await this.#settling('rcpt', transaction));
      if (isClosing(answer)) return;
      if (isPositive(mail)) transaction.rcpt(i, answer);
    }
  }

  async #envelopeInSteps(message: StreamedMessage, transaction: Transaction, reset: boolean): Promise<void> {
    if (reset) {
      await this.#connection.write('RSET\r\n');
      if (isClosing(await this.#settling('mail', transaction))) return;
    }
    await this.#connection.write(mailLine(message, this.#extensions));
    const mail = await this.#settling('mail', transaction);
    if (!isPositive(mail)) {
      transaction.settleRest('mail', mail);
      return;
    }
    for (const [i, recipient] of message.recipients.entries()) {
      await this.#connection.write(rcptLine(recipient, this.#extensions, message.smtputf8));
      const answer = await this.#settling('rcpt', transaction);
      if (isClosing(answer)) return;
      transaction.rcpt(i, answer);
    }
  }

  /**
   * SMTP answers once for all; LMTP (RFC 2033 §4.2) once for each recipient that RCPT was positive for, in order.
   * Whether the peer has done with the transaction. RFC 5321 §4.1.1.4 ends a refused one too, but mox wants RSET then.
   */
  async #readFinal(transaction: Transaction): Promise<boolean> {
    if (this.#options.protocol === 'smtp') {
      const answer = await this.#reply('final');
      transaction.settleRest('final', answer);
      return isPositive(answer);
    }
    for (const index of transaction.accepted) {
      const answer = this.#here('final', transaction) ?? (await this.#settling('final', transaction));
      if (isClosing(answer)) return false;
      transaction.settle(index, 'final', answer);
    }
    return true;
  }

  /** A reply; 421 is the answer for everybody who has none yet (RFC 5321 §3.8). */
  async #settling(stage: ReplyStage, transaction: Transaction): Promise<Reply> {
    return transaction.heard(stage, await this.#reply(stage));
  }

  /** The same at once, where the reply came along with one before. */
  #here(stage: ReplyStage, transaction: Transaction): Reply | undefined {
    const answer = this.#replies.ready();
    return answer && transaction.heard(stage, this.#sensible(answer, stage));
  }

  async #greet(): Promise<void> {
    const greeting = await this.#awaitReply(this.#timeouts.greeting, 'greeting');
    if (greeting.code !== 220) throw new ClientError('greeting', greeting);
    this.#name = firstWord(greeting);
  }

  async #hello(): Promise<void> {
    const verb = this.#options.protocol === 'lmtp' ? 'LHLO' : 'EHLO';
    let answer = await this.#command(`${verb} ${this.#options.hostname}`, 'hello');
    // RFC 5321 §3.2: an old server that doesn't know EHLO gets HELO.
    if (verb === 'EHLO' && !isPositive(answer) && !isTransient(answer)) {
      answer = await this.#command(`HELO ${this.#options.hostname}`, 'hello');
      if (isPositive(answer)) answer = { code: answer.code, lines: answer.lines.slice(0, 1) };
    }
    if (!isPositive(answer)) throw new ClientError('hello', answer);
    this.#extensions = new Extensions(answer);
    this.#name = this.#extensions.name || this.#name;
  }

  async #command(line: string, stage: Stage): Promise<Reply> {
    try {
      await this.#connection.write(`${line}\r\n`);
    } catch (cause) {
      throw new ClientError(stage, undefined, { cause });
    }
    return this.#awaitReply(this.#timeouts.command, stage);
  }

  async #awaitReply(timeoutMs: number, stage: Stage): Promise<Reply> {
    try {
      return this.#judge(await this.#replies.next(timeoutMs));
    } catch (cause) {
      this.#broken = true;
      throw new ClientError(stage, undefined, { cause });
    }
  }

  async #reply(stage: ReplyStage): Promise<Reply> {
    return this.#sensible(await this.#replies.next(this.#timeouts[stage]), stage);
  }

  #sensible(answer: Reply, stage: ReplyStage): Reply {
    this.#judge(answer);
    // RFC 5321 §4.2.1: 1xx is never sent, and 3xx has no place here: what comes next can't be understood either.
    if (answer.code < 200 || (answer.code >= 300 && answer.code < 400)) {
      throw new Error(`reply ${answer.code} makes no sense at ${stage}`);
    }
    return answer;
  }

  #judge(answer: Reply): Reply {
    if (isClosing(answer)) this.#broken = true;
    return answer;
  }
}

const firstWord = (answer: Reply): string => answer.lines[0]?.trim().split(/\s+/)[0] ?? '';
