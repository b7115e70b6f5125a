/**
 * One try to send what an account sends by itself. What was sent and not recorded is sent again under the same delivery id, which the MTA knows for longer than
 * it is tried.
 */
import { formatAddress, parseAddress } from '#mail/address.ts';
import type { Address, ReversePath } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { selectFields, unfold } from '#mail/header/fields.ts';
import { scanReversePath } from '#mail/smtp/path.ts';
import { isPermanent, isPositive } from '#mail/smtp/reply.ts';
import type { Clock, Log, Random } from '#runtime/ambient.ts';
import type { RecipientResult } from '#runtime/smtp/client-types.ts';
import { type AutomaticPayload, type AutoreplyPayload, isAway, readAutomatic } from '#store/automatic.ts';
import type { Account, Directory } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { Columns, MailStore, OutboxRow } from '#store/store.ts';
import type { Access, AccountId, MailboxId, MessageId, Uid } from '#store/types.ts';
import { single } from '#store/uid-set.ts';
import { compose } from '../rest/sending/compose.ts';
import { type Located, locate } from '../rest/sending/originals.ts';
import { hasHigh, outgoing } from '../rest/sending/outgoing.ts';
import { replyText } from '../rest/sending/status.ts';
import type { Transmission, Transmit } from '../rest/sending/transmit.ts';
import { answerOf } from './answer.ts';

export interface AutomaticServices {
  readonly store: MailStore;
  readonly directory: Pick<Directory, 'account'>;
  readonly transmit: Transmit;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Milliseconds after which what can't be sent is given up. */
  readonly expire: () => number;
}

/** Milliseconds: later nobody wants to know who was away. */
const ANSWER_EXPIRES = 86_400_000;
const EXPUNGED_AT_ONCE = 100;

/** `again`: something is left to be tried later. Throws where trouble came up before anything was said. */
export async function sendAutomatic(
  services: AutomaticServices,
  owner: AccountId,
  row: OutboxRow,
): Promise<'done' | 'again'> {
  const { clock, log, expire } = services;
  const payload = readAutomatic(row.payload);
  const fields = { account: owner, row: row.id, kind: payload?.type };
  if (payload === undefined) {
    log.error(fields, 'an automatic message can not be understood');
    return await finish(services, owner, row);
  }
  const patience = payload.type === 'autoreply' ? Math.min(expire(), ANSWER_EXPIRES) : expire();
  if (clock.now() >= row.createdAt + patience) {
    log.warn(fields, 'an automatic message was given up: it could not be sent in time');
    return await finish(services, owner, row);
  }
  const account = await services.directory.account(owner);
  const open = account?.state === 'active' && !account.suspended && account.moved === undefined;
  const all = open ? await transmissions(services, account, row, payload) : [];
  if (all.length === 0) log.info(fields, 'an automatic message is no longer wanted');
  let settled = true;
  // All of them, whatever came of the others: whoever has it already is known by the delivery id.
  for (const one of all) settled = (await isSettled(services, one, fields)) && settled;
  return settled ? await finish(services, owner, row) : 'again';
}

/** One for each recipient. None where there is nothing to send any more. */
async function transmissions(
  services: AutomaticServices,
  account: Account,
  row: OutboxRow,
  payload: AutomaticPayload,
): Promise<readonly Transmission[]> {
  if (payload.type === 'autoreply') return await answer(services, account, row, payload);
  const { store } = services;
  const access = { owner: account.id, viewer: account.id };
  const located = await find(store, access, payload.message, row.createdAt);
  if (located === undefined) return [];
  const message = await outgoing(store, access, located);
  const prefix = Buffer.from(located.row.rawHeader ?? []).toString('utf8', 0, located.row.prefixLength);
  const from = returnPathOf(prefix);
  return payload.to.map((to, i) => ({
    account: account.address,
    from,
    to: [parseAddress(to)],
    notify: undefined,
    deliveryId: `${row.id}.${i}`,
    message,
    redirect: true,
  }));
}

const COLUMNS: Columns = { rawHeader: true, content: true };

/** Wherever it is. Who collects mail by POP3 and deletes it has it sent on all the same, as long as it is retained. @param since when it came. */
async function find(store: MailStore, access: Access, id: MessageId, since: number): Promise<Located | undefined> {
  try {
    return await locate(store, access, id, COLUMNS);
  } catch (error) {
    if (!(error instanceof MailError) || error.failure !== 'no-such-message') throw error;
    // What was only moved while it was looked for is still somewhere.
    if ((await store.placements(access, [id])).length > 0) throw error;
  }
  let before: string | undefined;
  do {
    const page = await store.expunged(access, {
      since,
      limit: EXPUNGED_AT_ONCE,
      ...(before !== undefined && { before }),
    });
    const went = page.messages.find(({ row }) => row.message === id);
    if (went !== undefined) {
      const { mailbox, row } = went;
      return mailbox === undefined || mailbox.removed ? undefined : await retained(store, access, mailbox.id, row.uid);
    }
    before = page.next;
  } while (before !== undefined);
  return undefined;
}

async function retained(store: MailStore, access: Access, mailbox: MailboxId, uid: Uid): Promise<Located | undefined> {
  for await (const [row] of store.messages(access, mailbox, single(uid), COLUMNS, { expunged: true })) {
    if (row !== undefined) return { mailbox, row };
  }
  return undefined;
}

async function answer(
  { clock }: AutomaticServices,
  { address, autoreply }: Account,
  row: OutboxRow,
  payload: AutoreplyPayload,
): Promise<readonly Transmission[]> {
  const now = clock.now();
  if (autoreply === undefined || !isAway(autoreply, now)) return [];
  const content = await compose(answerOf(payload, autoreply, { id: row.id, now }));
  const end = content.indexOf('\r\n\r\n');
  const utf8Header = hasHigh(content.subarray(0, end < 0 ? content.length : end));
  return [
    {
      account: address,
      // RFC 3834 §3.3, RFC 5230 §5.1: no report comes back, and none is asked for.
      from: null,
      notify: 'never',
      to: [parseAddress(payload.to)],
      deliveryId: row.id,
      message: { size: content.length, content, utf8Header, eightBit: hasHigh(content) },
    },
  ];
}

/** What final delivery wrote on top (RFC 5321 §4.4). */
function returnPathOf(prefix: string): ReversePath {
  const [, value = '<>'] = /^return-path:(.*)$/is.exec(selectFields(prefix, ['return-path']).trim()) ?? [];
  return scanReversePath(unfold(value), 0, { utf8: true }).path;
}

async function isSettled(
  { transmit, log }: AutomaticServices,
  transmission: Transmission,
  fields: object,
): Promise<boolean> {
  const [result] = await transmit(transmission);
  if (result?.kind !== 'reply') return false;
  const { reply } = result;
  const said = { ...fields, recipient: shown(transmission.to), reply: replyText(reply) };
  if (isTaken(result)) {
    log.info(said, 'an automatic message was sent');
    return true;
  }
  if (!isPermanent(reply)) return false;
  log.warn(said, 'an automatic message was refused');
  return true;
}

const shown = (to: readonly Address[]): string => to.map(formatAddress).join(' ');

const isTaken = (result: Extract<RecipientResult, { kind: 'reply' }>): boolean =>
  result.stage === 'final' && isPositive(result.reply);

async function finish({ store, random }: AutomaticServices, owner: AccountId, { id }: OutboxRow): Promise<'done'> {
  const mutations = [{ type: 'finish-outbox', id } as const];
  const answer = await store.commit({ owner, actor: owner, id: newId('commit', random), mutations });
  if (!answer.ok && answer.failure !== 'no-such-account') throw new MailError(answer.failure, answer.text);
  return 'done';
}
