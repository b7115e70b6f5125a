/**
 * The side that takes an account. A record of the account (kind `move`) names the move and says how far it is; each step changes it in its own commit, if it is as
 * the step found it. So a step that was asked twice, or comes late from somebody who was killed, changes nothing.
 */
import { MailError } from '#mail/failure.ts';
import { findAccount } from '#store/accounts.ts';
import type { Account, By } from '#store/directory.ts';
import { isId, newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Access, ModSeq, Role } from '#store/types.ts';
import { uidSet } from '#store/uid-set.ts';
import { addAppPasswords } from '../archive/app-passwords.ts';
import { unpackSecret } from '../archive/manifest.ts';
import { parseMessageEntry } from '../archive/message-entry.ts';
import { commitAll, Placing } from '../archive/placing.ts';
import { firstMutations, type RestoreRooms } from '../archive/restore.ts';
import { addRules } from '../archive/rules.ts';
import { addSecondFactor } from '../archive/second-factor.ts';
import { readTar } from '../archive/tar-reader.ts';
import type { MoveActivation, MoveChange, MoveOffer, MoveState, MoveStep, MoveTarget } from './protocol.ts';

const KIND = 'move';
const RECORD = 'incoming';

interface Known {
  readonly id: string;
  /** By mailbox, the last UID of the leaving side that has come. */
  readonly last: Readonly<Record<string, number>>;
}

interface Open {
  readonly account: Account;
  readonly access: Access;
  readonly known: Known;
  readonly version: ModSeq;
}

export function incomingMoves(rooms: RestoreRooms, by: By): MoveTarget {
  return {
    offer: (offer) => takeOffer(rooms, offer, by),
    state: async (id, address) => stateOf(rooms, await openMove(rooms, id, address)),
    changes: async (id, address, version, changes) =>
      applyChanges(rooms, await at(rooms, id, address, version), changes),
    messages: async (id, address, version, tar) => takeMessages(rooms, await at(rooms, id, address, version), tar),
    activate: async (id, address, activation) => activate(rooms, await openMove(rooms, id, address), activation, by),
  };
}

async function takeOffer(rooms: RestoreRooms, offer: MoveOffer, by: By): Promise<MoveState> {
  const { directory, random, shards } = rooms;
  const { id, address } = offer;
  if (!isId(id)) throw new MailError('bad-request', 'not the id of a move');
  let account = await findAccount(directory, address);
  if (account === undefined) {
    const owner = newId('account', random);
    const shard = Math.floor(random.fraction() * shards);
    const secret = unpackSecret(offer.secret);
    await directory.change({ type: 'add-account', id: owner, address, shard, secret }, by);
    account = await findAccount(directory, address);
  }
  if (account === undefined || account.state === 'removing') throw new MailError('unavailable', 'being removed');
  const access = { owner: account.id, viewer: account.id };
  if (account.state === 'creating') {
    const value = JSON.stringify({ id, last: {} } satisfies Known);
    const mutations: Mutation[] = [...firstMutations(offer), { type: 'put-record', kind: KIND, id: RECORD, value }];
    await commitAll(rooms, access, `move:${id}`, mutations).catch((error: unknown) => {
      // It came before, or it is another's: `openMove` tells.
      if (!(error instanceof MailError) || error.failure !== 'exists') throw error;
    });
  }
  return stateOf(rooms, await openMove(rooms, id, address));
}

async function openMove({ directory, store }: RestoreRooms, id: string, address: string): Promise<Open> {
  const account = await findAccount(directory, address);
  if (account === undefined || account.state === 'removing') {
    throw new MailError('no-such-account', `there is no account ${address}`);
  }
  const access = { owner: account.id, viewer: account.id };
  const record = await store.record(access, KIND, RECORD);
  const known = record === undefined ? undefined : (JSON.parse(record.value) as Known);
  if (record === undefined || known?.id !== id) throw new MailError('exists', `there is an account ${address}`);
  return { account, access, known, version: record.modseq };
}

async function at(rooms: RestoreRooms, id: string, address: string, version: number): Promise<Open> {
  const open = await openMove(rooms, id, address);
  if (open.version !== version) throw new MailError('conflict', 'somebody else was faster');
  return open;
}

async function stateOf({ store }: RestoreRooms, { account, access, known, version }: Open): Promise<MoveState> {
  const { mailboxes, subscribed } = await store.mailboxes(access);
  return {
    version,
    active: account.state === 'active',
    subscribed,
    last: known.last,
    mailboxes: mailboxes.map(({ id, name, role, uidValidity, uidNext }) => {
      return { id, name, uidValidity, uidNext, ...(role === undefined ? {} : { role }) };
    }),
  };
}

const guardOf = (known: Known, version: ModSeq): Mutation => ({
  type: 'put-record',
  kind: KIND,
  id: RECORD,
  value: JSON.stringify(known),
  ifModseq: version,
});

async function applyChanges(rooms: RestoreRooms, open: Open, changes: readonly MoveChange[]): Promise<MoveStep> {
  const { access, known, version } = open;
  const mutations = [guardOf(known, version), ...changes.map(mutationOf)];
  return { version: await commitAll(rooms, access, newId('commit', rooms.random), mutations) };
}

function mutationOf(change: MoveChange): Mutation {
  switch (change.type) {
    case 'rename-mailbox':
      return { ...change, children: false };
    case 'set-role':
      return { ...change, role: change.role as Role | null };
    case 'set-flags':
      return { ...change, uids: uidSet(change.uids), change: 'replace' };
    case 'expunge':
      return { ...change, uids: uidSet(change.uids), onlyDeleted: false };
    case 'put-record':
      if (change.kind !== 'import') throw new MailError('bad-request', 'a record of another kind');
      return change;
    case 'create-mailbox':
    case 'delete-mailbox':
    case 'subscribe':
    case 'raise-uid-next':
      return change;
  }
}

async function takeMessages(
  rooms: RestoreRooms,
  { access, known, version }: Open,
  tar: AsyncIterable<Uint8Array>,
): Promise<MoveStep> {
  const { mailboxes } = await rooms.store.mailboxes(access);
  const inbox = mailboxes.find(({ role }) => role === 'inbox')!.id;
  const here = new Set(mailboxes.map(({ id }) => id));
  const last: Record<string, number> = { ...known.last };
  let now = version;
  const placing = new Placing(rooms, access, newId('commit', rooms.random), {
    mutation: () => guardOf({ ...known, last }, now),
    done: (modseq) => {
      now = modseq;
    },
  });
  for await (const entry of readTar(tar, '')) {
    const facts = parseMessageEntry(entry);
    const came = facts.uid <= (last[facts.mailbox] ?? 0);
    if (came) continue;
    // Once people are at home here they may have removed a mailbox.
    const mailbox = here.has(facts.mailbox) ? facts.mailbox : inbox;
    await placing.add({ ...facts, mailbox }, entry.content, () => {
      last[facts.mailbox] = facts.uid;
    });
  }
  await placing.flush();
  return { version: now };
}

async function activate(
  rooms: RestoreRooms,
  { account, access, known, version }: Open,
  activation: MoveActivation,
  by: By,
): Promise<MoveStep> {
  if (account.state === 'active') return { version };
  if (version !== activation.version) throw new MailError('conflict', 'somebody else was faster');
  const mutations = [guardOf(known, version)];
  const { quota, forward, rules, appPasswords } = activation;
  if (quota !== undefined) mutations.push({ type: 'set-quota', bytes: quota });
  const now = await commitAll(rooms, access, newId('commit', rooms.random), mutations);
  const secret = await rooms.directory.secret(account.id);
  if (secret !== undefined && appPasswords !== undefined) {
    // They are keyed with the salt that came with the offer.
    await addAppPasswords(rooms, account.id, secret.scram, appPasswords, by);
  }
  if (forward !== undefined) await rooms.directory.change({ type: 'set-forward', id: account.id, forward }, by);
  if (rules !== undefined) await addRules(rooms, account.id, rules, by);
  const { secondFactor } = activation;
  if (secret !== undefined && secondFactor !== undefined)
    await addSecondFactor(rooms.directory, account.id, secret.scram, secondFactor, by);
  await rooms.directory.change({ type: 'activate-account', id: account.id }, by);
  return { version: now };
}
