/** One try to hand a message to our MTA, over its inner socket and as the account (`AUTH EXTERNAL`). */
import { formatAddress, needsUtf8 } from '#mail/address.ts';
import type { Address, ForwardPath, Notify, ReversePath } from '#mail/envelope.ts';
import { encodeXtext } from '#mail/xtext.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import { SmtpClient } from '#runtime/smtp/client.ts';
import type { RecipientResult } from '#runtime/smtp/client-types.ts';
import { Connections } from './connections.ts';
import type { OutgoingContent } from './outgoing.ts';

export interface Transmission {
  /** Whom it is sent as: the account that has written it, and the address that it gave; `null` is the null reverse-path. */
  readonly account: string;
  readonly from: ReversePath;
  readonly to: readonly Address[];
  readonly notify: Notify | undefined;
  /** With it the queue keeps what comes of each recipient. */
  readonly envelopeId?: string;
  readonly deliveryId: string;
  readonly message: OutgoingContent;
  /** The account sends on what others wrote: `from` is theirs, and so are its authors. */
  readonly redirect?: true;
}

/** One result for each recipient, in order. @throws ClientError when it can't begin. */
export type Transmit = (transmission: Transmission) => Promise<readonly RecipientResult[]>;

export interface TransmitOptions {
  /** The socket. */
  readonly path: string;
  readonly hostname: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Our own MTA answers at once, but for the final dot: a local recipient's MDA may take its time. */
const TIMEOUTS = { connect: 5_000, greeting: 30_000, command: 30_000, mail: 60_000, rcpt: 60_000, final: 120_000 };

export interface Transmitter {
  readonly transmit: Transmit;
  /** Says goodbye on connections that nobody uses. */
  readonly close: () => void;
}

export function transmitter({ path, hostname, clock, random }: TransmitOptions): Transmitter {
  const options = { protocol: 'smtp', hostname, clock, random, timeouts: TIMEOUTS } as const;
  const connections = new Connections({
    clock,
    async open(account) {
      const client = await SmtpClient.open({ path }, options);
      try {
        await client.logIn({ actAs: account });
        return client;
      } catch (error) {
        client.destroy();
        throw error;
      }
    },
  });
  return {
    close: () => connections.close(),
    async transmit(transmission) {
      const first = await over(connections, transmission, false);
      return first === 'stale' ? ((await over(connections, transmission, true)) as Results) : first;
    },
  };
}

type Results = readonly RecipientResult[];

/** `stale`: an unused connection had ended meanwhile; should the MTA have taken the message all the same, it knows the delivery id. */
async function over(
  connections: Connections,
  { account, from, to, notify, envelopeId, deliveryId, message, redirect }: Transmission,
  fresh: boolean,
): Promise<Results | 'stale'> {
  const lent = await connections.borrow(account, fresh);
  try {
    const { recipients } = await lent.client.send({
      reversePath: from,
      recipients: to.map((address) => forwardPath(address, notify)),
      bodyType: message.eightBit ? '8bitmime' : '7bit',
      smtputf8: message.utf8Header || [...(from === null ? [] : [from]), ...to].some(needsUtf8),
      ...(envelopeId !== undefined && { envelopeId }),
      size: message.size,
      content: message.content,
      mailParameters: [`XDELIVERYID=${encodeXtext(deliveryId)}`, ...(redirect ? ['XREDIRECT'] : [])],
    });
    const stale = lent.reused && recipients.every((one) => one.kind === 'lost' && one.stage === 'mail');
    return stale ? 'stale' : recipients;
  } finally {
    connections.giveBack(lent);
  }
}

/** RFC 3461 §4.2: with the original recipient we find it again, also behind an alias. */
function forwardPath(address: Address, notify: Notify | undefined): ForwardPath {
  const originalRecipient = { type: needsUtf8(address) ? 'utf-8' : 'rfc822', address: formatAddress(address) };
  return { address, originalRecipient, ...(notify !== undefined && { notify }) };
}
