/**
 * The trial of a program that syncs: 5,000 messages come near, then both sides change (new messages, flags, removals, moves, a flag of each side on the same
 * message), and after the next sync each side holds exactly what was meant, message by message.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import {
  type Account,
  assertSame,
  contentHash,
  fillMailbox,
  listMailbox,
  type NewMessage,
  withMailbox,
} from './mailbox.ts';
import {
  addToMaildir,
  type FoundFile,
  listMaildir,
  moveToMaildir,
  removeFromMaildir,
  setMaildirFlags,
} from './maildir.ts';
import { trialId, trialMessages } from './messages.ts';

export interface SyncTrial {
  readonly account: Account;
  /** The folder whose folders are the maildirs. */
  readonly maildirs: string;
  /** Runs the client once; fails when it says that something went wrong. */
  sync(): Promise<void>;
}

const INBOX = 4500;
const ARCHIVE = 500;
/** Of each kind of change, on each side. */
const CHANGES = 120;
const DATE = new Date(0);

interface Wanted {
  mailbox: string;
  flags: string[];
  readonly hash: string;
}

/** Where each message should be, by Message-ID. */
type Model = Map<string, Wanted>;

export async function runSyncTrial(trial: SyncTrial): Promise<{ messages: number; changes: number }> {
  const { account } = trial;
  const model: Model = new Map();
  const inbox = trialMessages('inbox', INBOX);
  const archive = trialMessages('archive', ARCHIVE);
  await fillMailbox(account, 'INBOX', inbox);
  await fillMailbox(account, 'Archive', archive);
  remember(model, 'INBOX', inbox, 'inbox');
  remember(model, 'Archive', archive, 'archive');
  await trial.sync();
  await check(trial, model, 'the first sync');
  await changeFar(trial, model);
  await changeNear(trial, model);
  await trial.sync();
  await check(trial, model, 'the sync after changes on both sides');
  const before = await uids(account);
  await trial.sync();
  assert.deepEqual(await uids(account), before, 'a sync with nothing to do does nothing');
  await check(trial, model, 'the sync with nothing to do');
  return { messages: model.size, changes: CHANGES * 9 };
}

function remember(model: Model, mailbox: string, messages: readonly NewMessage[], group: string): void {
  messages.forEach(({ raw, flags }, i) => {
    model.set(trialId(group, i), { mailbox, flags: [...flags], hash: contentHash(raw) });
  });
}

/** The `nth` lot of the series, all in INBOX at first; no lot is used for two changes. */
const lot = (nth: number): string[] =>
  Array.from({ length: CHANGES }, (_, i) => trialId('inbox', (nth + i * 17) % INBOX));

const [FAR_FLAGGED, FAR_CLEARED, FAR_GONE, FAR_MOVED, NEAR_FLAGGED, NEAR_GONE, NEAR_MOVED, BOTH] = [
  0, 1, 2, 3, 4, 5, 6, 7,
].map(lot) as [string[], string[], string[], string[], string[], string[], string[], string[]];

async function changeFar({ account }: SyncTrial, model: Model): Promise<void> {
  const uidOf = new Map((await listMailbox(account, 'INBOX')).map(({ id, uid }) => [id, uid]));
  const set = (ids: readonly string[]) => ids.map((id) => uidOf.get(id)).join(',');
  await withMailbox(account, 'INBOX', async (client) => {
    const uid = { uid: true };
    assert.ok(await client.messageFlagsAdd(set([...FAR_FLAGGED, ...BOTH]), ['\\Flagged'], uid));
    assert.ok(await client.messageFlagsSet(set(FAR_CLEARED), [], uid));
    assert.ok(await client.messageMove(set(FAR_MOVED), 'Archive', uid));
    assert.ok(await client.messageDelete(set(FAR_GONE), uid));
  });
  for (const id of [...FAR_FLAGGED, ...BOTH]) addFlag(model, id, '\\Flagged');
  for (const id of FAR_CLEARED) at(model, id).flags = [];
  for (const id of FAR_MOVED) at(model, id).mailbox = 'Archive';
  for (const id of FAR_GONE) model.delete(id);
  const fresh = trialMessages('far', CHANGES);
  await fillMailbox(account, 'INBOX', fresh);
  remember(model, 'INBOX', fresh, 'far');
  const mailbox = trialMessages('far-new', CHANGES);
  await fillMailbox(account, 'Fresh', mailbox);
  remember(model, 'Fresh', mailbox, 'far-new');
}

async function changeNear({ maildirs }: SyncTrial, model: Model): Promise<void> {
  const inbox = join(maildirs, 'INBOX');
  const files = new Map((await listMaildir(inbox)).map((found) => [found.id, found]));
  const file = (id: string) => files.get(id) as FoundFile;
  for (const id of [...NEAR_FLAGGED, ...BOTH]) {
    await setMaildirFlags(file(id), [...file(id).flags, '\\Answered']);
    addFlag(model, id, '\\Answered');
  }
  for (const id of NEAR_GONE) {
    await removeFromMaildir(file(id));
    model.delete(id);
  }
  for (const [i, id] of NEAR_MOVED.entries()) {
    await moveToMaildir(file(id), join(maildirs, 'Archive'), `1700000000.moved${i}.near`);
    at(model, id).mailbox = 'Archive';
  }
  const fresh = trialMessages('near', CHANGES);
  for (const [i, message] of fresh.entries()) await addToMaildir(inbox, `1700000000.added${i}.near`, message);
  remember(model, 'INBOX', fresh, 'near');
}

function at(model: Model, id: string): Wanted {
  const wanted = model.get(id);
  assert.ok(wanted, id);
  return wanted;
}

function addFlag(model: Model, id: string, flag: string): void {
  const wanted = at(model, id);
  wanted.flags = [...new Set([...wanted.flags, flag])].sort();
}

async function check({ account, maildirs }: SyncTrial, model: Model, when: string): Promise<void> {
  const mailboxes = [...new Set([...model.values()].map(({ mailbox }) => mailbox))];
  for (const mailbox of mailboxes) {
    const expected = [...model]
      .filter(([, wanted]) => wanted.mailbox === mailbox)
      .map(([id, { flags, hash }]) => ({ id, flags: [...flags].sort(), hash, date: DATE }));
    assertSame(await listMailbox(account, mailbox), expected, `${when}: ${mailbox} on the server`, { dates: false });
    assertSame(await listMaildir(join(maildirs, mailbox)), expected, `${when}: ${mailbox} near`, { dates: false });
  }
}

async function uids(account: Account): Promise<number[][]> {
  const lists = await Promise.all(['INBOX', 'Archive', 'Fresh'].map((mailbox) => listMailbox(account, mailbox)));
  return lists.map((messages) => messages.map(({ uid }) => uid));
}
