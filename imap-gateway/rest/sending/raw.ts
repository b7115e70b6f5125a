/** A message that somebody else has composed: checked, completed, and read for whom it is. Pure, but for who may send as whom. */
import { formatAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { formatDate } from '#mail/header/date.ts';
import { indexMessage } from '#mail/mime/indexer.ts';
import type { IndexedAddress, IndexedHeaders } from '#mail/mime/message-index.ts';
import { newId } from '#store/ids.ts';
import type { AccountId } from '#store/types.ts';
import type { RestServices } from '../services.ts';
import { badInput, readAddress } from './correspondents.ts';

export interface Envelope {
  readonly from: Address;
  readonly to: readonly Address[];
  readonly messageId: string;
  readonly subject: string;
}

type Services = Pick<RestServices, 'directory' | 'clock' | 'random'>;

export interface RawMessage {
  readonly octets: Buffer;
  readonly headers: IndexedHeaders;
}

/** Lines end with CRLF; a Date or Message-ID that is missing stands in front (RFC 6409 §8). @throws MailError `bad-request`. */
export function completed(given: Buffer, { clock, random }: Services, domain: string): RawMessage {
  if (given.includes(0)) throw new MailError('bad-request', 'The message has a NUL');
  const octets = withLineEnds(given);
  const { headers } = indexMessage(octets);
  const missing: string[] = [];
  if (headers.date === undefined) missing.push(`Date: ${formatDate({ time: clock.now(), zone: 0 })}\r\n`);
  if (headers.messageId === undefined) missing.push(`Message-ID: <${newId('message', random)}@${domain}>\r\n`);
  if (missing.length === 0) return { octets, headers };
  const whole = Buffer.concat([Buffer.from(missing.join('')), octets]);
  return { octets: whole, headers: indexMessage(whole).headers };
}

/** @throws HttpProblem 400 for a sender or recipients that are none, MailError `not-permitted` for another one's address. */
export async function envelopeOf(
  headers: IndexedHeaders,
  { directory }: Services,
  account: AccountId,
): Promise<Envelope> {
  const authors = addressesOf(headers.from, 'From');
  // RFC 5322 §3.6.2: of several authors, the Sender field says who has sent it.
  const from = authors.length === 1 ? authors[0] : addressesOf(headers.sender, 'Sender')[0];
  if (from === undefined) throw badInput({ path: '/body', message: 'has no From field with one address' });
  for (const one of [from, ...authors]) {
    if (await directory.maySendAs(account, one)) continue;
    throw new MailError('not-permitted', `You may not send as ${formatAddress(one)}`);
  }
  const to = [...addressesOf(headers.to, 'To'), ...addressesOf(headers.cc, 'Cc'), ...addressesOf(headers.bcc, 'Bcc')];
  const unique = [...new Map(to.map((address) => [formatAddress(address), address])).values()];
  return { from, to: unique, messageId: headers.messageId ?? '', subject: headers.subject };
}

/** Groups are passed over: their members stand beside them. */
function addressesOf(all: readonly IndexedAddress[], field: string): Address[] {
  return all
    .filter(({ address }) => address !== '')
    .map(({ address }) => {
      const found = readAddress(address);
      if (found !== undefined && found.domain !== '') return found;
      throw badInput({ path: '/body', message: `has an address in ${field} that mail can’t be sent to` });
    });
}

/** CR and LF alone become line ends, as submission does it. */
function withLineEnds(given: Buffer): Buffer {
  const text = given.toString('latin1');
  return /\r(?!\n)|(?<!\r)\n/.test(text) ? Buffer.from(text.replace(/\r\n|\r|\n/g, '\r\n'), 'latin1') : given;
}
