/** The answer of an account that is away, as mutations of the commit that adds the message: what is sent, and that this correspondent has it. */
import { createHash } from 'node:crypto';
import { parseAddress } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import type { Clock, Random } from '#runtime/ambient.ts';
import type { Autoreply } from '#store/account-rules.ts';
import { enqueueAutomatic, isAway } from '#store/automatic.ts';
import type { Account, Directory } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { MailStore } from '#store/store.ts';
import type { AccountId } from '#store/types.ts';
import { addresseesOf, answerTo, correspondentOf, type Incoming, whyNoAnswer } from './autoreply.ts';

/** Records of this kind say who was answered; they are gone when that was long ago. */
const ANSWERED = 'autoreply';
const DAY = 86_400_000;
const HOUR = 3_600_000;
/** RFC 3834 §2: several days between two answers to the same sender; 7 are recommended. */
const DAYS = 7;
/**
 * Answers of an account in an hour. Whoever forges senders makes it write to so many strangers and no more, and leaves a record for each answer:
 * in 7 days 10,000 at most, of some hundred octets. (Deliveries at the same moment may go over it by their number.)
 */
const MOST_IN_AN_HOUR = 60;

export interface AutoresponderRooms {
  readonly store: Pick<MailStore, 'record' | 'records'>;
  readonly directory: Pick<Directory, 'account' | 'lookup' | 'maySendAs'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
}

export interface Answered {
  readonly mutations: readonly Mutation[];
  /** Why there is none, in a word for the log. */
  readonly reason?: string;
}

/** Its mutations may fail with `exists`: another delivery has answered the same correspondent meanwhile. */
export async function planAnswer(
  rooms: AutoresponderRooms,
  account: AccountId,
  autoreply: Autoreply,
  incoming: Incoming,
): Promise<Answered> {
  const { store, directory, clock, random } = rooms;
  const now = clock.now();
  if (!isAway(autoreply, now)) return none('not away');
  const reason = whyNoAnswer(incoming);
  const to = incoming.reversePath;
  if (reason !== undefined || to === null) return none(reason ?? 'null reverse-path');
  if (await directory.maySendAs(account, to)) return none('own message');
  const known = await directory.account(account);
  if (known === undefined || known.suspended) return none('suspended');
  const own = await ownAddressee(rooms, known, incoming);
  if (own === undefined) return none('not addressed');
  const access = { owner: account, viewer: account };
  const id = recordId(autoreply, correspondentOf(to));
  if ((await store.record(access, ANSWERED, id)) !== undefined) return none('answered before');
  const latest = await store.records(access, ANSWERED, { limit: MOST_IN_AN_HOUR });
  // Made last first: when the last of so many is young, all of them are.
  const oldest = latest.length < MOST_IN_AN_HOUR ? undefined : latest.at(-1);
  if (oldest !== undefined && answeredAt(oldest.value) > now - HOUR) return none('too many answers');
  return {
    mutations: [
      {
        type: 'put-record',
        kind: ANSWERED,
        id,
        value: JSON.stringify({ at: now }),
        expiresAt: now + (autoreply.days ?? DAYS) * DAY,
        ifAbsent: true,
      },
      enqueueAutomatic(newId('outbox', random), answerTo(incoming, to, own)),
    ],
  };
}

const none = (reason: string): Answered => ({ mutations: [], reason });

/** The address that the answer speaks for. Where several people share the one that was written to, each answers under their own. */
async function ownAddressee(
  { directory }: AutoresponderRooms,
  { id, address }: Account,
  incoming: Incoming,
): Promise<Address | undefined> {
  for (const written of addresseesOf(incoming)) {
    if (!(await directory.maySendAs(id, written))) continue;
    const found = await directory.lookup(written);
    return found.kind === 'alias' && found.targets.length > 1 ? parseAddress(address) : written;
  }
  return undefined;
}

/** RFC 5230 §4.2: once for each text: who changes it tells everybody anew. The address itself is not kept. */
function recordId({ subject = '', text, html = '' }: Autoreply, correspondent: string): string {
  const hash = createHash('sha256');
  for (const part of [subject, text, html, correspondent]) hash.update(`${Buffer.byteLength(part)}:${part}`);
  return hash.digest('base64url');
}

function answeredAt(value: string): number {
  const { at } = JSON.parse(value) as { readonly at?: number };
  return at ?? 0;
}
