/**
 * Senders from whom this peer takes no mail, whoever it is for: asked of those who didn't log in. The envelope's sender is refused for each recipient, so that
 * `postmaster` and `abuse` stay reachable (RFC 5321 §4.5.1); who wrote the message by its From, at its end.
 */
import { formatAddress } from '#mail/address.ts';
import type { Address, ReversePath } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { indexedAddresses, parseAddressList } from '#mail/header/address-list.ts';
import { splitFields, unfold } from '#mail/header/fields.ts';
import { type Reply, reply } from '#mail/smtp/reply.ts';
import type { SenderLists } from '#store/account-rules.ts';
import type { Directory, Login } from '#store/directory.ts';
import { isAlwaysReachable, judgeSender } from '#store/rules/senders.ts';

/** The lists by which mail for this address is screened; `undefined` where it isn't. */
export async function screenFor(
  directory: Pick<Directory, 'peerSenders'>,
  login: Login | undefined,
  address: Address,
): Promise<SenderLists | undefined> {
  if (login !== undefined || isAlwaysReachable(address.localPart)) return undefined;
  const lists = await directory.peerSenders();
  return lists.block.length === 0 ? undefined : lists;
}

/** RCPT's answer to a blocked sender. */
export function refusedSender(screen: SenderLists | undefined, reversePath: ReversePath): Reply | undefined {
  if (screen === undefined || reversePath === null) return undefined;
  if (judgeSender(screen, { reversePath, from: [] }) !== 'blocked') return undefined;
  return reply(550, '7.1', `This host takes no mail from ${formatAddress(reversePath)}`);
}

/** @param header binary string. @throws MailError `rejected` for a blocked author, also where `postmaster` is among the recipients: there is one answer for all of them. */
export function checkWriters(screen: SenderLists, reversePath: ReversePath, header: string): void {
  const fields = splitFields(header, { fields: Number.POSITIVE_INFINITY });
  const from = fields
    .filter(({ name }) => name.toLowerCase() === 'from')
    .flatMap(({ value }) => indexedAddresses(parseAddressList(unfold(value)).items));
  if (judgeSender(screen, { reversePath, from }) !== 'blocked') return;
  throw new MailError(
    'rejected',
    'This host takes no mail from its author; postmaster, written to alone, is reachable',
  );
}
