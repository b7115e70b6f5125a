import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { MailError } from '#mail/failure.ts';
import { indexMessage } from '#mail/mime/indexer.ts';
import { LocalCoordination } from '#runtime/local-coordination.ts';
import { systemRandom } from '#runtime/system.ts';
import { createAccount, findAccount } from '#store/accounts.ts';
import { newId } from '#store/ids.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryStore } from '#store/memory/store.ts';
import type { Mutation } from '#store/mutation.ts';
import { makeSecret } from '#store/secret.ts';
import type { MailStore } from '#store/store.ts';
import { FakeClock } from '#test/support/clock.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { recordingLog } from '#test/support/log.ts';
import { JobBook } from './book.ts';
import { JobFiles } from './files.ts';
import { hasEnded, type JobOrder } from './job.ts';
import { startRestore } from './restore.ts';
import { JobRunner } from './runner.ts';

const ALICE = 'alice@alpha.test';
const BACK = 'back@alpha.test';
const BY = { actor: 'test' };
const secret = makeSecret('secret');

async function world(t: TestContext) {
  const clock = new FakeClock();
  const real = new MemoryStore({ clock, random: systemRandom });
  const directory = createMemoryDirectory({ clock });
  await directory.change({ type: 'add-domain', name: 'alpha.test' });
  /** What happens to the next commits of restores; tests change it. */
  const trouble = { commit: async (go: () => ReturnType<MailStore['commit']>) => go() };
  const store = new Proxy<MailStore>(real, {
    get(target, name: keyof MailStore) {
      if (name === 'commit') {
        return (commit: Parameters<MailStore['commit']>[0]) => {
          const brings = commit.mutations.some(({ type }) => type === 'add-message');
          return brings ? trouble.commit(() => target.commit(commit)) : target.commit(commit);
        };
      }
      const value = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const folder = temporaryFolder(t);
  const log = recordingLog();
  const files = new JobFiles({ folder, clock, hasRoom: async () => true });
  const rooms = { store, directory, clock, random: systemRandom, log, files, shards: 1, quota: 0 };
  const coordination = new LocalCoordination(clock);
  const book = new JobBook({ ...rooms, coordination });
  const runner = () =>
    new JobRunner({
      ...rooms,
      coordination,
      messageSize: () => Number.POSITIVE_INFINITY,
      lookup: () => assert.fail('nobody is guarded'),
      suspend: async () => undefined,
    });
  const owner = await createAccount({ ...rooms, store: real }, ALICE, await secret);
  const alice = (await directory.account(owner))!;
  const ended = async (id: string) => {
    for (let i = 0; i < 500; i++) {
      const job = await book.find(id);
      if (job !== undefined && hasEnded(job)) return job;
      await pause(10);
      await clock.advance(5_000);
    }
    return assert.fail(`${id} never ends`);
  };
  return { ...rooms, real, trouble, book, runner, owner, alice, ended, folder };
}
type World = Awaited<ReturnType<typeof world>>;

/** 350 messages in INBOX, each third once more in Archive. */
async function fill({ real, owner }: World): Promise<void> {
  const access = { owner, viewer: owner };
  const [inbox, archive] = await Promise.all(['INBOX', 'Archive'].map((name) => real.mailboxNamed(access, name)));
  const commit = async (mutations: Mutation[]): Promise<void> => {
    const answer = await real.commit({ owner, actor: owner, id: newId('commit', systemRandom), mutations });
    assert.ok(answer.ok);
  };
  const added: Mutation[] = [];
  for (let n = 1; n <= 350; n++) {
    const bytes = Buffer.from(`Subject: ${n}\r\n\r\n${'x'.repeat(n)}\r\n`);
    const body = await real.stage(
      owner,
      (async function* () {
        yield bytes;
      })(),
    );
    const internalDate = { time: n, zone: 0 };
    const message = { id: newId('message', systemRandom), body, prefix: Buffer.alloc(0), index: indexMessage(bytes) };
    added.push({ type: 'add-message', mailbox: inbox!.id, message: { ...message, internalDate }, flags: [] });
  }
  await commit(added);
  for (let n = 3; n <= 350; n += 30) await commit([{ type: 'copy', from: inbox!.id, uids: [[n, n]], to: archive!.id }]);
}

async function picture({ real, directory }: World, address: string) {
  const { id: owner } = (await findAccount(directory, address))!;
  const access = { owner, viewer: owner };
  const out: Record<string, string[]> = {};
  for (const { id, name } of (await real.mailboxes(access)).mailboxes) {
    const rows: string[] = [];
    for await (const batch of real.messages(access, id, [[1, 9999]], {})) {
      rows.push(...batch.map(({ uid, message, size }) => `${uid} ${message} ${size}`));
    }
    out[name] = rows;
  }
  return out;
}

/** Answers the id of the archive. */
async function exported(on: World): Promise<string> {
  await fill(on);
  const { id } = await on.book.start(on.alice, { kind: 'export', withPassword: true }, BY);
  const runner = on.runner();
  runner.begin();
  const done = await on.ended(id);
  assert.deepEqual([done.state, done.progress?.messages], ['done', 362]);
  await runner.stop();
  return id;
}

const restoreRooms = (on: World) => ({ ...on, messageSize: Number.POSITIVE_INFINITY });

test('a restore goes on where it was, whoever stops and whichever answer is lost', async (t) => {
  const on = await world(t);
  const archive = await exported(on);
  const job = await startRestore(restoreRooms(on), on.book, { archive, address: BACK }, BY);
  assert.equal((await findAccount(on.directory, BACK))?.state, 'creating');
  const again = startRestore(restoreRooms(on), on.book, { archive, address: BACK }, BY);
  await assert.rejects(again, { failure: 'exists' });
  let runner = on.runner();
  let commits = 0;
  const stops: Promise<void>[] = [];
  on.trouble.commit = async (go) => {
    commits += 1;
    if (commits % 5 === 2) throw new MailError('unavailable', 'nobody answers');
    const answer = await go();
    if (commits % 5 === 3) throw new MailError('unavailable', 'the answer is lost');
    if (commits % 5 === 4) {
      stops.push(runner.stop());
      runner = on.runner();
    }
    return answer;
  };
  for (let i = 0; i < 300 && (await on.book.find(job.id))?.state !== 'done'; i++) {
    runner.begin();
    await pause(10);
    await on.clock.advance(61_000);
  }
  await Promise.all(stops);
  const done = await on.ended(job.id);
  assert.deepEqual([done.state, done.progress?.messages, done.error], ['done', 362, undefined]);
  assert.ok(stops.length > 0 && commits > 10, `${stops.length} stops, ${commits} commits`);
  assert.deepEqual(await picture(on, BACK), await picture(on, ALICE));
  assert.ok(await on.directory.authenticate(BACK, 'secret'));
  await runner.stop();
});

test('a restore that is cancelled leaves no account, and one that fails leaves none that anybody sees', async (t) => {
  const on = await world(t);
  const archive = await exported(on);
  const runner = on.runner();
  const first = await startRestore(restoreRooms(on), on.book, { archive, address: BACK }, BY);
  assert.equal((await on.book.cancel(first.id, first.account.id)).state, 'cancelling');
  runner.begin();
  for (let i = 0; i < 200 && (await findAccount(on.directory, BACK)) !== undefined; i++) await pause(10);
  assert.equal(await findAccount(on.directory, BACK), undefined);
  const second = await startRestore(restoreRooms(on), on.book, { archive, address: BACK }, BY);
  await on.files.remove(archive);
  runner.begin();
  const failed = await on.ended(second.id);
  assert.deepEqual([failed.state, failed.error?.code], ['failed', 'bad-request']);
  assert.equal((await findAccount(on.directory, BACK))?.state, 'creating');
  await runner.stop();
});

test('the order goes with the end of a job, secrets and all, also where nobody knows why it ended', async (t) => {
  const on = await world(t);
  const from = { host: 'x', port: 1, secure: true, user: 'x' };
  // Whatever makes a fault of ours.
  const broken = { kind: 'import', from, credentials: null, mailboxes: ['hush'] } as unknown as JobOrder;
  const { id } = await on.book.start(on.alice, broken, BY);
  const runner = on.runner();
  runner.begin();
  const failed = await on.ended(id);
  assert.deepEqual([failed.state, failed.error?.code], ['failed', 'unavailable']);
  const rows = await on.store.outbox(on.owner);
  assert.ok(rows.every(({ payload }) => !Buffer.from(payload).includes('hush')));
  await runner.stop();
});

test('a move waits for the other peer, and hears of a cancel meanwhile', async (t) => {
  const on = await world(t);
  const order = { kind: 'move', to: 'http://127.0.0.1:9', as: 'a@beta.test', how: 'forward', token: 'hush' } as const;
  const { id } = await on.book.start(on.alice, order, BY);
  await assert.rejects(on.book.start(on.alice, order, BY), { failure: 'conflict' });
  const runner = on.runner();
  runner.begin();
  for (let i = 0; i < 300 && (await on.book.find(id))?.error === undefined; i++) {
    await pause(10);
    await on.clock.advance(2_000);
  }
  const waiting = await on.book.find(id);
  assert.deepEqual([waiting?.state, waiting?.error?.code], ['running', 'unavailable']);
  await on.book.cancel(id, on.owner);
  assert.equal((await on.ended(id)).state, 'cancelled');
  assert.ok((await on.store.outbox(on.owner)).every(({ payload }) => !Buffer.from(payload).includes('hush')));
  await runner.stop();
});

test('an account that can not be read keeps nobody else waiting', async (t) => {
  const on = await world(t);
  const owner = await createAccount({ ...on, store: on.real }, 'bob@alpha.test', await secret);
  const outbox = on.real.outbox.bind(on.real);
  on.real.outbox = async (whose) => {
    if (whose === on.owner) throw new MailError('unavailable', 'a damaged page');
    return outbox(whose);
  };
  const order = { kind: 'export', withPassword: false } as const;
  const { id: stuck } = await on.book.start(on.alice, order, BY);
  const { id } = await on.book.start((await on.directory.account(owner))!, order, BY);
  const runner = on.runner();
  runner.begin();
  assert.equal((await on.ended(id)).state, 'done');
  assert.equal((await on.book.find(stuck))?.state, 'waiting');
  on.real.outbox = outbox;
  assert.equal((await on.ended(stuck)).state, 'done');
  await runner.stop();
});

test('archives go after a week, and ended jobs after three months', async (t) => {
  const on = await world(t);
  await exported(on);
  const runner = on.runner();
  assert.equal(readdirSync(on.folder).length, 1);
  await on.clock.advance(8 * 86_400_000);
  runner.begin();
  for (let i = 0; i < 200 && readdirSync(on.folder).length > 0; i++) await pause(10);
  assert.deepEqual(readdirSync(on.folder), []);
  assert.equal((await on.book.list({})).length, 1);
  await runner.stop();
  await on.clock.advance(90 * 86_400_000);
  const later = on.runner();
  later.begin();
  for (let i = 0; i < 200 && (await on.store.outboxOwners('transfer-ended')).length > 0; i++) await pause(10);
  assert.deepEqual([await on.book.list({}), await on.store.outbox(on.owner)], [[], []]);
  await later.stop();
});

test('a disk that is nearly full takes no archive', async (t) => {
  const folder = temporaryFolder(t);
  const files = new JobFiles({ folder, clock: new FakeClock(), hasRoom: async () => false });
  const chunks = (async function* () {
    yield Buffer.alloc(10);
  })();
  await assert.rejects(files.write('o1', chunks), { failure: 'unavailable' });
  assert.deepEqual(readdirSync(folder), []);
  for (const id of ['../x', '', 'a/b']) assert.equal(await files.find(id), undefined);
});
