/**
 * What leads away from here (a forward, an alias, a move) goes to our own MTA, which expands it, marks it against circles, queues what leaves and hands back
 * what stays: it goes on while it comes in, and its 250 is ours, so that nothing is promised twice or by halves.
 */
import type { BodyType, ForwardPath, ReversePath } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { isPositive, type Reply, reply } from '#mail/smtp/reply.ts';
import type { Clock, Random } from '#runtime/ambient.ts';
import { SmtpClient } from '#runtime/smtp/client.ts';
import { ClientError, type RecipientResult } from '#runtime/smtp/client-types.ts';
import { ChunkStream } from './chunk-stream.ts';

export interface OnwardOrder {
  readonly reversePath: ReversePath;
  /** As they were sent: the MTA finds out where they lead. */
  readonly paths: readonly ForwardPath[];
  readonly bodyType: BodyType;
  readonly smtputf8: boolean;
  readonly content: () => AsyncIterable<Uint8Array>;
}

/** One result for each path, in order. May throw when it can't begin. */
export type PassOn = (order: OnwardOrder) => Promise<readonly RecipientResult[]>;

/** Our own MTA answers at once, but for the final dot: it hands local copies back to us before it answers. */
const TIMEOUTS = { connect: 5_000, greeting: 30_000, command: 30_000, mail: 60_000, rcpt: 60_000, final: 300_000 };

/** Over the inner socket `run/submission.sock`; without a login, so that it takes what a stranger may send: mail to addresses of ours. */
export function passOnTo(rooms: { path: string; hostname: string; clock: Clock; random: Random }): PassOn {
  const { path, hostname, clock, random } = rooms;
  return async ({ reversePath, paths, bodyType, smtputf8, content }) => {
    const client = await SmtpClient.open({ path }, { protocol: 'smtp', hostname, clock, random, timeouts: TIMEOUTS });
    try {
      const message = { reversePath, recipients: paths, bodyType, smtputf8, content };
      return (await client.send(message)).recipients;
    } finally {
      await client.quit();
    }
  };
}

/** One message on its way to the MTA. */
export class OnwardMessage {
  readonly #stream = new ChunkStream();
  readonly #results: Promise<readonly RecipientResult[]>;

  constructor(passOn: PassOn, order: Omit<OnwardOrder, 'content'>) {
    this.#results = passOn({ ...order, content: () => this.#stream });
    // Nobody reads any more, and whoever writes must not wait for that. What went wrong is told by `finish`.
    const over = (): void => this.#stream.fail(new Error('the MTA takes no more of it'));
    this.#results.then(over, over);
  }

  /** Resolves once the MTA takes more. */
  write(chunk: Uint8Array): Promise<void> {
    return this.#stream.push(chunk);
  }

  /** What the MTA says, a reply for each path. @throws what `PassOn` throws. */
  async finish(): Promise<readonly (() => Reply)[]> {
    this.#stream.end();
    try {
      return (await this.#results).map((result) => () => replyOf(result));
    } catch (error) {
      const refused = error instanceof ClientError && error.reply !== undefined ? `: ${error.reply.lines[0]}` : '';
      throw new MailError('unavailable', `The MTA can not be reached${refused}`, { cause: error });
    }
  }

  /** The connection is closed before the end of the content: the MTA forgets it. */
  abort(): void {
    this.#stream.fail(new Error('the message was given up'));
  }
}

function replyOf(result: RecipientResult): Reply {
  if (result.kind === 'lost') throw new MailError('unavailable', 'The MTA went away', { cause: result.error });
  const { code, lines } = result.reply;
  if (isPositive(result.reply)) return reply(250, '1.5', 'Passed on');
  // RFC 5321 §3.8: 421 would be about this connection, which is not the one that ends.
  return { ...result.reply, code: code === 421 ? 451 : code, lines };
}
