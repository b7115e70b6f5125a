/** An account from another server: every mailbox, again and again if wished; each time only what is new there is taken. */
import type { LookupFunction } from 'node:net';
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import { isBelow } from '#store/names.ts';
import type { Access, MailboxId } from '#store/types.ts';
import type { ImportRooms } from '../import-messages.ts';
import { importMailbox } from './mailbox.ts';
import { Marks, markKey } from './marks.ts';
import { type ImportProgress, Tally } from './progress.ts';
import { connectSource, type Source, type SourceAddress, type SourceCredentials } from './source.ts';
import { type Target, targetsOf } from './targets.ts';

export interface AccountImport {
  readonly rooms: ImportRooms;
  readonly access: Access;
  readonly from: SourceAddress;
  readonly credentials: SourceCredentials;
  /** Only these of theirs. */
  readonly only?: readonly string[];
  /** Where its host may be; the system's own look-up otherwise. */
  readonly lookup?: LookupFunction;
  readonly signal: AbortSignal;
  readonly report: (progress: ImportProgress) => void;
  /** Waits between attempts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The connection may break so often without anything being taken in between. */
const ATTEMPTS = 5;
const FIRST_WAIT_MS = 1000;

/** @throws MailError `bad-credentials`, `over-quota`, `unavailable` when the server can't be reached again and again. */
export async function importAccount(work: AccountImport): Promise<ImportProgress> {
  const tally = new Tally(work.report);
  let inVain = 0;
  for (;;) {
    const { copied } = tally.progress();
    try {
      await attempt(work, tally);
      return tally.progress();
    } catch (error) {
      work.signal.throwIfAborted();
      if (!(error instanceof MailError) || error.failure !== 'unavailable') throw error;
      inVain = tally.progress().copied > copied ? 1 : inVain + 1;
      if (inVain >= ATTEMPTS) throw error;
      await work.wait(FIRST_WAIT_MS * 2 ** (inVain - 1), work.signal);
      tally.again();
    }
  }
}

async function attempt(work: AccountImport, tally: Tally): Promise<void> {
  const source = await connectSource(work.from, work.credentials, work.lookup);
  const stop = (): void => void source.close();
  work.signal.addEventListener('abort', stop, { once: true });
  try {
    await importAll(work, source, tally);
  } finally {
    work.signal.removeEventListener('abort', stop);
    await source.close();
  }
}

async function importAll(work: AccountImport, source: Source, tally: Tally): Promise<void> {
  const { rooms, access, signal } = work;
  const { mailboxes } = await rooms.store.mailboxes(access);
  const theirs = (await source.mailboxes()).filter(({ path }) => work.only?.includes(path) ?? true);
  const targets = targetsOf(
    theirs,
    mailboxes,
    theirs.some(({ use }) => use === 'all'),
  );
  const planned = targets.map((target) => ({ target, progress: tally.mailbox(target.source.path, target.name) }));
  const seen = new Set<string>();
  for (const { target, progress } of planned) {
    signal.throwIfAborted();
    const mailbox = await mailboxFor(work, target);
    const opened = await source.open(target.source.path);
    const marks = new Marks(markKey(work.from, target.source.path), opened.uidValidity);
    await marks.load(rooms.store, access);
    const base = { rooms, access, mailbox, opened, marks, tally, progress, signal };
    await importMailbox(target.rest ? { ...base, elsewhere: seen } : base);
    for (const { emailId } of marks.all()) if (emailId !== undefined) seen.add(emailId);
  }
}

/** Ours by that name, made with its parents where there is none. */
async function mailboxFor({ rooms, access }: AccountImport, target: Target): Promise<MailboxId> {
  const { store, random } = rooms;
  const { mailboxes } = await store.mailboxes(access);
  const known = mailboxes.find(({ name }) => name === target.name);
  if (known !== undefined) return known.id;
  const id = newId('mailbox', random);
  const parents = target.name
    .split('/')
    .slice(0, -1)
    .map((_, depth, levels) => levels.slice(0, depth + 1).join('/'))
    .filter((parent) => isBelow(target.name, parent) && !mailboxes.some(({ name }) => name === parent));
  const { role } = target;
  const mutations: Mutation[] = [
    ...parents.map((name) => ({ type: 'create-mailbox' as const, id: newId('mailbox', random), name })),
    { type: 'create-mailbox', id, name: target.name, ...(role === undefined ? {} : { role }) },
    { type: 'subscribe', name: target.name, subscribed: target.source.subscribed },
  ];
  const commit = { owner: access.owner, actor: access.viewer, id: newId('commit', random), mutations };
  const answer = await store.commit(commit);
  if (answer.ok) return id;
  if (answer.failure === 'exists') {
    const made = await store.mailboxNamed(access, target.name);
    if (made !== undefined) return made.id;
  }
  throw new MailError(answer.failure, answer.text);
}
