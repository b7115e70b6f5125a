/**
 * An account from an archive: a new one, in which everything is as it was, ids, UIDs and UIDVALIDITY included. It is not there for anybody before all of it is in and the
 * checksum has been seen; what fails, or is killed, leaves nothing that the same command would not clear away.
 */
import { MailError } from '#mail/failure.ts';
import { findAccount, removeAccount } from '#store/accounts.ts';
import type { Account, AccountSecret, By, Directory } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Access, ModSeq, Uid } from '#store/types.ts';
import { MARK_KIND } from '../import/marks.ts';
import type { ImportRooms } from '../import-messages.ts';
import { addAppPasswords } from './app-passwords.ts';
import { type Manifest, unpackSecret } from './manifest.ts';
import type { MessageFacts } from './message-entry.ts';
import { commitAll, Placing } from './placing.ts';
import { readArchive } from './read.ts';
import { addRules } from './rules.ts';
import { addSecondFactor } from './second-factor.ts';

/** How far a restore is that goes on after a crash. */
const KIND = 'restore';
const RECORD = 'last';

export interface RestoreRooms extends ImportRooms {
  readonly directory: Directory;
  readonly shards: number;
}

export interface RestoreOptions {
  readonly address: string;
  /** Where the archive has none, or another is wanted. */
  readonly secret?: AccountSecret;
  readonly by?: By;
  readonly signal?: AbortSignal;
  readonly report?: (done: { readonly messages: number; readonly total: number; readonly octets: number }) => void;
}

export interface Restored {
  readonly address: string;
  readonly from: string;
  readonly messages: number;
  readonly octets: number;
  /** Aliases that this peer could not take over. */
  readonly left: readonly string[];
}

/** @throws MailError `exists` where the address is taken; `bad-request` for a damaged archive. */
export async function restoreArchive(
  rooms: RestoreRooms,
  source: AsyncIterable<Uint8Array>,
  options: RestoreOptions,
): Promise<Restored> {
  let begun = false;
  try {
    return await fill(rooms, source, options, async (manifest) => {
      const { id: owner } = await beginRestore(rooms, manifest, options);
      begun = true;
      const access = { owner, viewer: owner };
      return { access, before: {}, last: {}, placing: new Placing(rooms, access, `restore:${manifest.id}`) };
    });
  } catch (error) {
    if (begun) await removeAccount(rooms, options.address);
    throw error;
  }
}

/** Into the account that `beginRestore` has made, from where an earlier call was cut short. What fails leaves it as it is. */
export function goOnRestoring(
  rooms: RestoreRooms,
  source: AsyncIterable<Uint8Array>,
  { id: owner }: Account,
  options: Omit<RestoreOptions, 'secret'>,
): Promise<Restored> {
  return fill(rooms, source, options, async () => {
    const access = { owner, viewer: owner };
    const record = await rooms.store.record(access, KIND, RECORD);
    const last = record === undefined ? {} : (JSON.parse(record.value) as Record<string, Uid>);
    let version = record?.modseq;
    // Each commit says how far it goes, so that nothing comes twice.
    const guard = {
      mutation: (): Mutation => ({
        type: 'put-record',
        kind: KIND,
        id: RECORD,
        value: JSON.stringify(last),
        ...(version === undefined ? { ifAbsent: true } : { ifModseq: version }),
      }),
      done: (modseq: ModSeq): void => {
        version = modseq;
      },
    };
    return {
      access,
      before: { ...last },
      last,
      placing: new Placing(rooms, access, newId('commit', rooms.random), guard),
    };
  });
}

interface Filling {
  readonly access: Access;
  readonly placing: Placing;
  /** By mailbox, the last UID that an earlier call has brought, and the last one so far. */
  readonly before: Readonly<Record<string, Uid>>;
  readonly last: Record<string, Uid>;
}

async function fill(
  rooms: RestoreRooms,
  source: AsyncIterable<Uint8Array>,
  options: RestoreOptions,
  begin: (manifest: Manifest) => Promise<Filling>,
): Promise<Restored> {
  const { report, signal } = options;
  let work: { manifest: Manifest; filling: Filling; total: number } | undefined;
  const done = { messages: 0, octets: 0 };
  let left: string[] = [];
  for await (const item of readArchive(source)) {
    signal?.throwIfAborted();
    if (item.type === 'manifest') {
      const { manifest } = item;
      const total = manifest.mailboxes.reduce((sum, { messages }) => sum + messages, 0);
      work = { manifest, filling: await begin(manifest), total };
    } else if (item.type === 'message') {
      await place(work!.filling, item.facts, item.content);
      done.messages += 1;
      done.octets += item.size;
      report?.({ ...done, total: work!.total });
    } else if (item.type === 'record' && item.kind === MARK_KIND) {
      const { kind, id, value } = item;
      await commitAll(rooms, work!.filling.access, `restore:${work!.manifest.id}:${id}`, [
        { type: 'put-record', kind, id, value },
      ]);
    } else if (item.type === 'end') {
      await work!.filling.placing.flush();
      left = await finish(rooms, work!.manifest, work!.filling.access, options);
    }
  }
  return { address: options.address, from: work!.manifest.account.address, ...done, left };
}

async function place(
  { placing, before, last }: Filling,
  facts: MessageFacts,
  content: AsyncIterable<Uint8Array> | undefined,
): Promise<void> {
  const { mailbox, uid } = facts;
  if (uid <= (before[mailbox] ?? 0)) return;
  const taken = (): void => {
    last[mailbox] = uid;
  };
  if (content !== undefined) return placing.add(facts, content, taken);
  // What it is another place of has to be there, and `last` may not run ahead.
  await placing.flush();
  taken();
  await placing.again(facts);
}

/** Creates the account with its mailboxes; nobody can see it yet. */
export async function beginRestore(
  rooms: RestoreRooms,
  manifest: Manifest,
  { address, secret, by }: RestoreOptions,
  /** Go with its mailboxes. */
  more: readonly Mutation[] = [],
): Promise<Account> {
  const { directory, random, shards } = rooms;
  const keys = secret ?? (manifest.account.secret === undefined ? undefined : unpackSecret(manifest.account.secret));
  if (keys === undefined) {
    throw new MailError('bad-request', 'the archive has no password: give a new one (--password-stdin)');
  }
  const known = await findAccount(directory, address);
  if (known?.state === 'active') throw new MailError('exists', `there is an account ${address}`);
  // Left over from a restore that was cut short.
  if (known !== undefined) await removeAccount(rooms, address);
  const id = newId('account', random);
  const shard = Math.floor(random.fraction() * shards);
  await directory.change(
    { type: 'add-account', id, address, shard, secret: keys },
    by && { ...by, act: 'restore-account' },
  );
  await commitAll(rooms, { owner: id, viewer: id }, 'create-account', [...firstMutations(manifest), ...more]);
  return (await directory.account(id))!;
}

export function firstMutations({ mailboxes, subscribed }: Pick<Manifest, 'mailboxes' | 'subscribed'>): Mutation[] {
  return [
    {
      type: 'create-account',
      mailboxes: mailboxes.map(({ id, name, role, uidValidity }) => {
        return { id, name, uidValidity, ...(role === undefined ? {} : { role }) };
      }),
    },
    ...subscribed.map((name): Mutation => ({ type: 'subscribe', name, subscribed: true })),
  ];
}

/** UIDs that had gone are not given again; then the account is there for everybody. */
async function finish(
  rooms: RestoreRooms,
  { id, account, mailboxes }: Manifest,
  access: Access,
  { address, by }: RestoreOptions,
): Promise<string[]> {
  const { directory } = rooms;
  const before = await directory.aliases();
  await commitAll(rooms, access, `restore:${id}:end`, [
    ...mailboxes.map(({ id: mailbox, uidNext }): Mutation => ({ type: 'raise-uid-next', mailbox, uidNext })),
    ...(account.quota === undefined ? [] : [{ type: 'set-quota' as const, bytes: account.quota }]),
  ]);
  const { secret, appPasswords, secondFactor } = account;
  if (secret !== undefined && appPasswords !== undefined) {
    await addAppPasswords(rooms, access.owner, unpackSecret(secret).scram, appPasswords, by);
  }
  if (secret !== undefined && secondFactor !== undefined)
    await addSecondFactor(directory, access.owner, unpackSecret(secret).scram, secondFactor, by);
  if (account.rules !== undefined) await addRules(rooms, access.owner, account.rules, by);
  await directory.change({ type: 'activate-account', id: access.owner }, by);
  if (account.forward !== undefined) {
    await directory.change({ type: 'set-forward', id: access.owner, forward: account.forward }, by);
  }
  const left: string[] = [];
  for (const alias of account.aliases) {
    const same = before.find((one) => one.address.toLowerCase() === alias.toLowerCase());
    // We were here before.
    if (same?.targets.length === 1 && same.targets[0]!.toLowerCase() === address.toLowerCase()) continue;
    try {
      await directory.change({ type: 'add-alias', address: alias, targets: [address] }, by);
    } catch (error) {
      if (!(error instanceof MailError) || error.failure === 'unavailable') throw error;
      left.push(alias);
    }
  }
  return left;
}
