/** One try to hand a message to our MTA, over its inner socket and as the account (`AUTH EXTERNAL`). */
import { formatAddress, needsUtf8 } from '#mail/address.ts';
import type { Address, ForwardPath, Notify } from '#mail/envelope.ts';
import { encodeXtext } from '#mail/xtext.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import { SmtpClient } from '#runtime/smtp/client.ts';
import type { RecipientResult } from '#runtime/smtp/client-types.ts';
import type { OutgoingContent } from './outgoing.ts';

export interface Transmission {
  /** Whom it is sent as: the account that has written it, and the address that it gave. */
  readonly account: string;
  readonly from: Address;
  readonly to: readonly Address[];
  readonly notify: Notify | undefined;
  readonly envelopeId: string;
  readonly deliveryId: string;
  readonly message: OutgoingContent;
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

export function transmitter({ path, hostname, clock, random }: TransmitOptions): Transmit {
  return async ({ account, from, to, notify, envelopeId, deliveryId, message }) => {
    const options = { protocol: 'smtp', hostname, clock, random, timeouts: TIMEOUTS } as const;
    const client = await SmtpClient.open({ path }, options);
    try {
      await client.logIn({ actAs: account });
      const { recipients } = await client.send({
        reversePath: from,
        recipients: to.map((address) => forwardPath(address, notify)),
        bodyType: message.eightBit ? '8bitmime' : '7bit',
        smtputf8: message.utf8Header || [from, ...to].some(needsUtf8),
        envelopeId,
        size: message.size,
        content: message.content,
        mailParameters: [`XDELIVERYID=${encodeXtext(deliveryId)}`],
      });
      return recipients;
    } finally {
      await client.quit();
    }
  };
}

/** RFC 3461 §4.2: with the original recipient we find it again, also behind an alias. */
function forwardPath(address: Address, notify: Notify | undefined): ForwardPath {
  const originalRecipient = { type: needsUtf8(address) ? 'utf-8' : 'rfc822', address: formatAddress(address) };
  return { address, originalRecipient, ...(notify !== undefined && { notify }) };
}
