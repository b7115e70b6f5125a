/** How an archive that somebody has sent becomes a job: looked at before anything changes, then an account that nobody sees until all of it is in. */
import { MailError } from '#mail/failure.ts';
import { findAccount } from '#store/accounts.ts';
import type { AccountSecret, By } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { Manifest } from '../archive/manifest.ts';
import { readArchive, verifyArchive } from '../archive/read.ts';
import { beginRestore, type RestoreRooms } from '../archive/restore.ts';
import type { JobBook } from './book.ts';
import type { JobFile, JobFiles } from './files.ts';
import { hasEnded, type JobOrder, newJob, orderMutation, putJob, type ShownJob, shownJob } from './job.ts';

export interface KeptArchive {
  readonly id: string;
  /** Whose it was, and when it was made. */
  readonly address: string;
  readonly createdAt: string;
  readonly messages: number;
  /** Of its messages. */
  readonly octets: number;
  readonly password: boolean;
  readonly expiresAt: string;
}

/** Kept when it is whole; every octet is checked. @throws MailError `bad-request` for what is damaged, or no archive. */
export async function keepArchive(
  files: JobFiles,
  id: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<KeptArchive> {
  let seen: Awaited<ReturnType<typeof verifyArchive>> | undefined;
  const kept: JobFile = await files.write(id, chunks, {
    check: async (whole) => {
      seen = await verifyArchive(whole);
    },
  });
  const { manifest, end } = seen!;
  return {
    id,
    address: manifest.account.address,
    createdAt: manifest.createdAt,
    messages: end.messages,
    octets: end.octets,
    password: manifest.account.secret !== undefined,
    expiresAt: new Date(kept.expiresAt).toISOString(),
  };
}

/** @throws MailError `exists` where the address is taken, or being restored; `bad-request` where there is no password, or no such archive. */
export async function startRestore(
  rooms: RestoreRooms & { readonly files: JobFiles },
  book: JobBook,
  args: { readonly archive: string; readonly address?: string; readonly secret?: AccountSecret },
  by: By,
): Promise<ShownJob> {
  const { directory, files, random, clock } = rooms;
  if ((await files.find(args.archive)) === undefined) {
    throw new MailError('bad-request', 'there is no archive of this id, or no more');
  }
  const manifest = await manifestOf(files.read(args.archive));
  const address = args.address ?? manifest.account.address;
  const known = await findAccount(directory, address);
  if (known !== undefined) {
    const open = (await book.list({ account: address })).some(({ state }) => !hasEnded({ state }));
    if (open) throw new MailError('exists', `${address} is being restored already`);
  }
  const order: JobOrder = { kind: 'restore', archive: args.archive };
  const job = newJob(newId('outbox', random), order, by.actor, clock.now());
  const { secret } = args;
  const options = { address, by, ...(secret && { secret }) };
  const account = await beginRestore(rooms, manifest, options, [putJob(job), orderMutation(job.id, order)]);
  return shownJob(job, account);
}

async function manifestOf(chunks: AsyncIterable<Uint8Array>): Promise<Manifest> {
  for await (const item of readArchive(chunks)) if (item.type === 'manifest') return item.manifest;
  throw new MailError('bad-request', 'this is no archive of an account');
}
