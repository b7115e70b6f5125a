/** Kill -9 of the writer in the middle of a load: what was answered is there and whole, once, and nothing is numbered twice. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MailError } from '#mail/failure.ts';
import { systemClock } from '#runtime/system.ts';
import { random, sketch } from '#test/contract/fixtures.ts';
import { temporaryFolder } from '#test/support/folder.ts';
import { recordingLog } from '#test/support/log.ts';
import { newId } from '../ids.ts';
import type { Commit, CommitAnswer } from '../mutation.ts';
import type { MailStore } from '../store.ts';
import type { NewMessage } from '../types.ts';
import { ALL } from '../uid-set.ts';
import { openDatabase } from './database.ts';
import { shardFile } from './paths.ts';
import { SCHEMA } from './schema.ts';
import { openMailStore } from './store.ts';

const ACCOUNTS = 5;
const CLIENTS = 12;
const LIVES = 4;
const PER_LIFE = 150;

const owner = (n: number): string => `account${n}`;
const inbox = (n: number): string => `inbox${n}`;

async function startWriter(data: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.resolve('./writer-child.testkit.ts')), data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout!, 'data');
  return child;
}

interface Sent {
  readonly commit: Commit;
  readonly content: Buffer;
  readonly account: number;
  answer: CommitAnswer | undefined;
}

async function* pieces(data: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += 60_000) yield data.subarray(at, at + 60_000);
}

/** One message in ten is large and goes through a segment. */
async function makeCommit(store: MailStore, account: number, n: number): Promise<Sent> {
  const large = n % 10 === 0;
  const { message, content } = sketch({
    subject: `Number ${n}`,
    text: `${n} `.repeat(large ? 30_000 : 40),
    prefix: `X-Number: ${n}\r\n`,
  });
  let given: NewMessage = message;
  if (large) {
    const body = await store.stage(owner(account), pieces(content.subarray(message.prefix.length)));
    given = { ...message, body };
  }
  const mutation = { type: 'add-message' as const, mailbox: inbox(account), message: given, flags: [`word${n % 3}`] };
  const commit = { owner: owner(account), actor: owner(account), id: newId('commit', random), mutations: [mutation] };
  return { commit, content, account, answer: undefined };
}

test('kill -9 of the writer, again and again', async (t) => {
  const data = temporaryFolder(t);
  const log = recordingLog();
  let child = await startWriter(data);
  t.after(() => child.kill('SIGKILL'));
  const clock = systemClock;
  const store = openMailStore({ data, shards: 1, locate: async () => 0, log, clock, commitDeadline: 20_000 });
  t.after(() => store.close());
  for (let n = 0; n < ACCOUNTS; n++) {
    const mailboxes = [{ id: inbox(n), name: 'INBOX' }];
    const mutations = [{ type: 'create-account' as const, mailboxes }];
    await store.commit({ owner: owner(n), actor: owner(n), id: 'create', mutations });
  }

  const sent: Sent[] = [];
  let killAt = PER_LIFE;
  let answered = 0;
  let next = 0;
  const again = async <T>(work: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof MailError) || error.failure !== 'unavailable') throw error;
      }
    }
  };
  const client = async (): Promise<void> => {
    while (next < PER_LIFE * LIVES) {
      const n = next++;
      const one = await again(() => makeCommit(store, n % ACCOUNTS, n));
      sent.push(one);
      // The same commit again until it is answered, as whoever delivers mail does.
      one.answer = await again(() => store.commit(one.commit));
      answered++;
      if (answered >= killAt) {
        killAt += PER_LIFE;
        child.kill('SIGKILL');
        await once(child, 'exit');
        await check(
          store,
          sent.filter(({ answer }) => answer),
          false,
        );
        child = await startWriter(data);
      }
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  await check(store, sent, true);
  assert.deepEqual(
    log.entries.filter(({ level }) => level === 'error'),
    [],
  );

  child.kill('SIGKILL');
  await once(child, 'exit');
  const db = openDatabase(shardFile(data, 0), { migrations: SCHEMA });
  assert.deepEqual(db.arrays('PRAGMA integrity_check').all(), [['ok']]);
  db.close();
});

/** `exactly`: nothing else is there. */
async function check(store: MailStore, sent: readonly Sent[], exactly: boolean): Promise<void> {
  for (let account = 0; account < ACCOUNTS; account++) {
    const access = { owner: owner(account), viewer: owner(account) };
    const expected = new Map<number, Sent>();
    const modseqs = new Set<number>();
    for (const one of sent.filter((each) => each.account === account)) {
      assert.ok(one.answer?.ok);
      const [result] = one.answer.results;
      assert.ok(result?.type === 'add-message');
      assert.ok(!expected.has(result.uid), `UID ${result.uid} was given twice`);
      assert.ok(!modseqs.has(one.answer.modseq), `modseq ${one.answer.modseq} was given twice`);
      modseqs.add(one.answer.modseq);
      expected.set(result.uid, one);
    }
    const { uids, uidNext } = await store.snapshot(access, inbox(account));
    const found = new Set(uids);
    assert.equal(uidNext, uids.length + 1);
    for (const uid of expected.keys()) assert.ok(found.has(uid), `UID ${uid} is lost`);
    if (!exactly) continue;
    assert.equal(found.size, expected.size);
    for await (const rows of store.messages(access, inbox(account), ALL, {})) {
      for (const row of rows) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of store.content(access, inbox(account), row.uid, 0, row.size)) chunks.push(chunk);
        assert.ok(Buffer.concat(chunks).equals(expected.get(row.uid)!.content), `UID ${row.uid} is damaged`);
      }
    }
  }
}
