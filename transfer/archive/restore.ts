/**
 * An account from an archive: a new one, in which everything is as it was, ids, UIDs and UIDVALIDITY included. It is not there for anybody before all of it is in and the
 * checksum has been seen; what fails, or is killed, leaves nothing that the same command would not clear away.
 */
import { MailError } from '#mail/failure.ts';
import { findAccount, removeAccount } from '#store/accounts.ts';
import type { AccountSecret, By, Directory } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Access } from '#store/types.ts';
import { MARK_KIND } from '../import/marks.ts';
import type { ImportRooms } from '../import-messages.ts';
import { type Manifest, unpackSecret } from './manifest.ts';
import { commitAll, Placing } from './placing.ts';
import { readArchive } from './read.ts';

export interface RestoreRooms extends ImportRooms {
  readonly directory: Directory;
  readonly shards: number;
}

export interface RestoreOptions {
  readonly address: string;
  /** Where the archive has none, or another is wanted. */
  readonly secret?: AccountSecret;
  readonly by?: By;
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
  const { address, report } = options;
  let work: { manifest: Manifest; access: Access; placing: Placing; total: number } | undefined;
  const done = { messages: 0, octets: 0 };
  let left: string[] = [];
  try {
    for await (const item of readArchive(source)) {
      if (item.type === 'manifest') {
        const { manifest } = item;
        const access = await begin(rooms, manifest, options);
        const total = manifest.mailboxes.reduce((sum, { messages }) => sum + messages, 0);
        work = { manifest, access, placing: new Placing(rooms, access, `restore:${manifest.id}`), total };
      } else if (item.type === 'message') {
        if (item.content === undefined) await work!.placing.again(item.facts);
        else await work!.placing.add(item.facts, item.content);
        done.messages += 1;
        done.octets += item.size;
        report?.({ ...done, total: work!.total });
      } else if (item.type === 'record' && item.kind === MARK_KIND) {
        const { kind, id, value } = item;
        await commitAll(rooms, work!.access, `restore:${work!.manifest.id}:${id}`, [
          { type: 'put-record', kind, id, value },
        ]);
      } else if (item.type === 'end') {
        await work!.placing.flush();
        left = await finish(rooms, work!.manifest, work!.access, options);
      }
    }
  } catch (error) {
    if (work !== undefined) await removeAccount(rooms, address);
    throw error;
  }
  return { address, from: work!.manifest.account.address, ...done, left };
}

/** Creates the account with its mailboxes; nobody can see it yet. */
async function begin(rooms: RestoreRooms, manifest: Manifest, { address, secret }: RestoreOptions): Promise<Access> {
  const { directory, random, shards } = rooms;
  const keys = secret ?? (manifest.account.secret === undefined ? undefined : unpackSecret(manifest.account.secret));
  if (keys === undefined) {
    throw new MailError('bad-request', 'the archive has no password: give one, with --password-stdin');
  }
  const known = await findAccount(directory, address);
  if (known?.state === 'active') throw new MailError('exists', `there is an account ${address}`);
  // Left over from a restore that was cut short.
  if (known !== undefined) await removeAccount(rooms, address);
  const id = newId('account', random);
  const shard = Math.floor(random.fraction() * shards);
  await directory.change({ type: 'add-account', id, address, shard, secret: keys });
  const access = { owner: id, viewer: id };
  await commitAll(rooms, access, 'create-account', firstMutations(manifest));
  return access;
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
  await commitAll(rooms, access, `restore:${id}:end`, [
    ...mailboxes.map(({ id: mailbox, uidNext }): Mutation => ({ type: 'raise-uid-next', mailbox, uidNext })),
    ...(account.quota === undefined ? [] : [{ type: 'set-quota' as const, bytes: account.quota }]),
  ]);
  await directory.change({ type: 'activate-account', id: access.owner }, by);
  if (account.forward !== undefined) {
    await directory.change({ type: 'set-forward', id: access.owner, forward: account.forward }, by);
  }
  const left: string[] = [];
  for (const alias of account.aliases) {
    try {
      await directory.change({ type: 'add-alias', address: alias, targets: [address] }, by);
    } catch (error) {
      if (!(error instanceof MailError) || error.failure === 'unavailable') throw error;
      left.push(alias);
    }
  }
  return left;
}
