/** What filters and lists of senders would do with a message that is here; nothing is done. */
import { AddressSyntaxError, parseAddress } from '#mail/address.ts';
import type { ReversePath } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { splitFields, unfold } from '#mail/header/fields.ts';
import type { Filter } from '#store/account-rules.ts';
import { MessageFacts, octetsAsked } from '#store/rules/facts.ts';
import { evaluateFilters, type Place } from '#store/rules/filters.ts';
import { isAlwaysReachable, judgeSender } from '#store/rules/senders.ts';
import type { MailStore, MessageRow } from '#store/store.ts';
import type { Access, Placed } from '#store/types.ts';
import type { AdminRooms } from './rooms.ts';
import { accountWithRules } from './rules.ts';

export interface TriedFilters {
  readonly message: string;
  /** What the account's lists say of the sender. */
  readonly sender: 'allowed' | 'blocked' | 'unlisted';
  /** In their order. */
  readonly matched: readonly { readonly id: string; readonly name: string }[];
  /** `address`: as the address says, INBOX mostly. */
  readonly place: Place['kind'] | 'address' | 'refused';
  /** With `mailbox` alone: which. */
  readonly mailbox?: string;
  readonly keywords: readonly string[];
  readonly forward: readonly string[];
}

/** @param args.filters instead of those that the account has. @throws MailError `no-such-message`. */
export async function tryFilters(
  { directory, store }: Pick<AdminRooms, 'directory' | 'store'>,
  args: { readonly address: string; readonly message: string; readonly filters?: readonly Filter[] },
): Promise<TriedFilters> {
  const account = await accountWithRules({ directory }, args.address);
  const access: Access = { owner: account.id, viewer: account.id };
  const filters = (args.filters ?? account.filters ?? []).filter(({ enabled }) => enabled);
  const [placed] = await store.placements(access, [args.message]);
  const row = placed && (await rowOf(store, access, placed));
  if (placed === undefined || row?.headers === undefined || row.parts === undefined)
    throw new MailError('no-such-message', 'There is no such message');
  const content = await beginningOf(store, access, placed, row.prefixLength + octetsAsked(filters));
  const { reversePath, recipients } = envelopeOf(content.subarray(0, row.prefixLength));
  const nothing = { message: args.message, matched: [], keywords: [], forward: [] };
  const judged = account.senders && judgeSender(account.senders, { reversePath, from: row.headers.from });
  if (judged === 'blocked' && !recipients.some((text) => isAlwaysReachable(text.slice(0, text.lastIndexOf('@')))))
    return { ...nothing, sender: judged, place: 'refused' };
  const facts = new MessageFacts({
    headers: row.headers,
    root: row.parts,
    size: row.size,
    recipients: recipients.length > 0 ? recipients : [account.address],
    beginning: () => content.subarray(row.prefixLength),
  });
  const { matched, place, keywords, forward } = evaluateFilters(filters, facts, { allowed: judged === 'allowed' });
  const { mailboxes } = await store.mailboxes(access);
  const gone = place?.kind === 'mailbox' && !mailboxes.some(({ id }) => id === place.mailbox);
  return {
    message: args.message,
    sender: judged ?? 'unlisted',
    matched: matched.map((id) => ({ id, name: filters.find((filter) => filter.id === id)?.name ?? '' })),
    place: gone ? 'address' : (place?.kind ?? 'address'),
    ...(place?.kind === 'mailbox' && !gone && { mailbox: place.mailbox }),
    keywords,
    forward,
  };
}

async function rowOf(store: MailStore, access: Access, { mailbox, uid }: Placed): Promise<MessageRow | undefined> {
  for await (const [row] of store.messages(access, mailbox, [[uid, uid]], { headers: true, parts: true })) return row;
  return undefined;
}

async function beginningOf(
  store: MailStore,
  access: Access,
  { mailbox, uid }: Placed,
  octets: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.content(access, mailbox, uid, 0, octets)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** As final delivery wrote it on top; what came otherwise has no envelope. */
function envelopeOf(prefix: Uint8Array): { readonly reversePath: ReversePath; readonly recipients: readonly string[] } {
  const fields = splitFields(Buffer.from(prefix).toString('utf8')).map(({ name, value }) => [name, unfold(value)]);
  const path = fields.find(([name]) => name === 'Return-Path')?.[1]?.replace(/^<(.*)>$/, '$1') ?? '';
  const recipients = fields.flatMap(([name, value]) => (name === 'Delivered-To' && value !== undefined ? [value] : []));
  try {
    return { reversePath: path === '' ? null : parseAddress(path, { localPartLimit: 256 }), recipients };
  } catch (error) {
    if (error instanceof AddressSyntaxError) return { reversePath: null, recipients };
    throw error;
  }
}
