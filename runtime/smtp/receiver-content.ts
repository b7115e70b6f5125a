/** The content of one message on its way from the wire into a sink: checked, counted, and refused only once its end has come. */
import { type ContentDefect, DataDecoder } from '#mail/smtp/data-decoder.ts';
import { replyToError } from '#mail/smtp/failure-replies.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import type { Log } from '../ambient.ts';

/** Where a program puts the content of a message. */
export interface ContentSink {
  /** Chunk by chunk, never empty; a promise is back-pressure. What it throws is answered at the end of the content. The sink may keep the chunk. */
  write(chunk: Buffer): Promise<void> | void;
  /** The content is whole: answers one reply, or one for each recipient (LMTP). The engine doesn't wait for it before the next command. */
  finish(): Promise<readonly Reply[]>;
  /** The content was refused or will never be whole. Called at most once, and never after `finish`. */
  abort(): void;
}

/** What happens to bare CR, bare LF and NUL, and to long lines: the content is refused, they are made regular, or nothing (BINARYMIME). */
export type ContentMode = 'refuse' | 'normalise' | 'binary';

export interface ContentOptions {
  readonly stuffed: boolean;
  readonly mode: ContentMode;
  /** Octets of a line and of the whole. */
  readonly lineLength: number;
  readonly messageSize: number;
  /** How many replies the end gets: 1, or one for each recipient. */
  readonly replies: number;
  readonly session: string;
  readonly log: Log;
}

const NOTHING = Buffer.alloc(0);

export class Content {
  readonly #sink: ContentSink;
  readonly #options: ContentOptions;
  /** Absent where every octet is content. */
  readonly #decoder: DataDecoder | undefined;
  #size = 0;
  #failure: Reply | undefined;
  #closed = false;

  constructor(sink: ContentSink, options: ContentOptions) {
    this.#sink = sink;
    this.#options = options;
    const { stuffed, mode, lineLength } = options;
    this.#decoder = mode === 'binary' ? undefined : new DataDecoder({ stuffed, mode, lineLimit: lineLength });
  }

  /** True behind CRLF.CRLF; `rest` is what the client sent behind it. */
  get done(): boolean {
    return this.#decoder?.done ?? false;
  }

  get rest(): Buffer {
    return this.#decoder?.rest ?? NOTHING;
  }

  /** Why the content will be refused, as far as it is known. */
  get failure(): Reply | undefined {
    return this.#failure;
  }

  /** Never throws: trouble is kept for the end, and the rest of the content thrown away. */
  push(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#decoder !== undefined) return this.#deliver(this.#decoder.push(chunk));
    return this.#deliver(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  }

  /** The end has come. The promise does not reject. */
  async finish(): Promise<readonly Reply[]> {
    if (this.#decoder !== undefined && !this.done) await this.#deliver(this.#decoder.finish());
    this.#closed = true;
    if (this.#failure !== undefined) return this.#repeat(this.#failure);
    try {
      return await this.#sink.finish();
    } catch (error) {
      return this.#repeat(this.#answer(error));
    }
  }

  /** Lets go of what the sink holds. Does nothing after the end. */
  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink.abort();
  }

  #deliver(content: Buffer): Promise<void> | undefined {
    if (this.#failure !== undefined) return undefined;
    this.#size += content.length;
    const defect = this.#decoder?.defect;
    if (defect !== undefined) return this.#refuse(defectReply(defect, this.#options.lineLength));
    // RFC 1870 §6.3: the limit holds whatever was declared.
    if (this.#size > this.#options.messageSize)
      return this.#refuse(reply(552, '3.4', tooLarge(this.#options.messageSize)));
    if (content.length === 0) return undefined;
    try {
      return this.#sink.write(content)?.catch((error: unknown) => this.#refuse(this.#answer(error)));
    } catch (error) {
      return this.#refuse(this.#answer(error));
    }
  }

  #refuse(refusal: Reply): undefined {
    this.#failure = refusal;
    this.abort();
  }

  #answer(error: unknown): Reply {
    return replyToError(error, this.#options.session, (fault) => {
      this.#options.log.error({ err: fault }, 'cannot take a message');
    });
  }

  #repeat(answer: Reply): readonly Reply[] {
    return Array.from({ length: this.#options.replies }, () => answer);
  }
}

export const tooLarge = (limit: number): string => `The message is larger than ${limit} octets`;

/** RFC 5321 §2.3.8 forbids bare CR and LF; IANA's X.6.11 is "invalid characters". */
function defectReply(defect: ContentDefect, lineLength: number): Reply {
  if (defect === 'bare-cr') return reply(550, '6.11', 'The message has a CR without LF');
  if (defect === 'bare-lf') return reply(550, '6.11', 'The message has a LF without CR');
  if (defect === 'nul') return reply(550, '6.11', 'The message has a NUL octet');
  return reply(550, '6.0', `The message has a line of more than ${lineLength} octets`);
}
