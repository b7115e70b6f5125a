import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import yauzl from 'yauzl';
import { indexMessage } from '#mail/mime/indexer.ts';
import { systemRandom } from '#runtime/system.ts';
import { newId } from '#store/ids.ts';
import { MemoryStore } from '#store/memory/store.ts';
import type { Access, Flags, Mailbox } from '#store/types.ts';
import { exportMailbox, exportZip } from './export.ts';
import { type Imported, importMessages } from './import-messages.ts';
import { withCrlf } from './lines.ts';

const clock = { now: () => Date.UTC(2026, 10, 23) };

async function ground(quota: number | null = null) {
  const store = new MemoryStore({ clock, random: systemRandom, largestBody: 1_000_000 });
  const id = newId('account', systemRandom);
  const access: Access = { owner: id, viewer: id };
  await store.commit({
    owner: id,
    actor: id,
    id: 'make',
    mutations: [
      { type: 'create-account', mailboxes: [{ id: 'work', name: 'Work/..' }] },
      { type: 'set-quota', bytes: quota },
    ],
  });
  const { mailboxes } = await store.mailboxes(access);
  const inbox = mailboxes.find((one) => one.role === 'inbox')!;
  const rooms = { store, random: systemRandom, clock, messageSize: 1_000_000 };
  return { store, access, inbox, work: mailboxes.find((one) => one.id === 'work')!, rooms };
}

type Ground = Awaited<ReturnType<typeof ground>>;

async function take(
  { rooms, access }: Ground,
  mailbox: Mailbox,
  source: string | Buffer | AsyncIterable<Uint8Array>,
  options: Parameters<typeof importMessages>[4] = { format: 'auto' },
): Promise<Imported[]> {
  const chunks = typeof source === 'string' || Buffer.isBuffer(source) ? pieces(Buffer.from(source), 50_000) : source;
  return Array.fromAsync(importMessages(rooms, access, mailbox.id, chunks, options));
}

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

interface Stored {
  readonly text: string;
  readonly flags: Flags;
  readonly time: number;
}

async function all({ store, access }: Ground, mailbox: Mailbox): Promise<Stored[]> {
  const { flags, flagSets, uids } = await store.snapshot(access, mailbox.id);
  const out: Stored[] = [];
  for await (const batch of store.messages(access, mailbox.id, [[1, 9999]], {})) {
    for (const { uid, size, internalDate } of batch) {
      const content = await Array.fromAsync(store.content(access, mailbox.id, uid, 0, size));
      const set = flagSets[flags[uids.indexOf(uid)]!]!;
      out.push({
        text: Buffer.concat(content).toString('latin1'),
        flags: set.toSorted(),
        time: internalDate.time,
      });
    }
  }
  return out;
}

const letter = (n: number, text = 'Hello\r\n'): string =>
  `Subject: number ${n} / "x"\r\nMessage-ID: <${n}@x>\r\n\r\n${text}`;

async function fill(to: Ground, mailbox: Mailbox): Promise<void> {
  const large = letter(3, `From the start\r\n>From\r\n${randomBytes(150_000).toString('base64')}\r\n`);
  const letters: [string, string[]][] = [
    [letter(1), []],
    [letter(2, 'From me to you\r\n>From\r\n>>From x\r\n\r\n'), ['\\Seen', 'work']],
    [large, ['\\Flagged', '\\Answered', '\\Draft', '\\Deleted']],
    ['Status: RO\r\nX-Status: F\r\nSubject: theirs\r\n\r\n\r\n', ['\\Seen']],
  ];
  for (const [i, [text, flags]] of letters.entries()) {
    const prefix = Buffer.from(i === 0 ? 'Return-Path: <alice@alpha.test>\r\n' : '');
    const index = indexMessage(Buffer.from(text));
    const body = await to.store.stage(to.access.owner, pieces(Buffer.from(text), 10_000));
    const internalDate = { time: Date.UTC(2020, i, 1, 3), zone: 60 };
    const message = { id: newId('message', systemRandom), body, prefix, index, internalDate };
    const commit = { owner: to.access.owner, actor: to.access.viewer, id: `fill ${i}` };
    const add = { type: 'add-message', mailbox: mailbox.id, message, flags } as const;
    assert.equal((await to.store.commit({ ...commit, mutations: [add] })).ok, true);
  }
}

test('a mailbox goes out as an mbox and comes back the same, with flags and dates', async () => {
  const from = await ground();
  await fill(from, from.inbox);
  const file = await buffer(exportMailbox(from.store, from.access, from.inbox, 'mbox'));
  assert.match(file.toString('latin1', 0, 200), /^From alice@alpha\.test Wed Jan {2}1 03:00:00 2020\nStatus: O\n/);
  assert.ok(file.includes('\n>From me to you\n>From\n>>>From x\n'));
  const to = await ground();
  const answers = await take(to, to.work, file);
  assert.deepEqual(
    answers.map((answer) => answer.ok && answer.uid),
    [1, 2, 3, 4],
  );
  assert.deepEqual(await all(to, to.work), await all(from, from.inbox));
});

test('the same import again makes nothing twice', async () => {
  const to = await ground();
  const file =
    'From a@b Mon Nov 23 16:24:05 2026\nSubject: 1\n\nx\n\nFrom a@b Mon Nov 23 16:24:06 2026\nSubject: 2\n\n\n';
  const options = { format: 'mbox', commitId: 'job', flags: ['$imported'] } as const;
  const first = await take(to, to.work, file, options);
  assert.deepEqual(await take(to, to.work, file, options), first);
  assert.deepEqual(await all(to, to.work), [
    { text: 'Subject: 1\r\n\r\nx\r\n', flags: ['$imported'], time: Date.UTC(2026, 10, 23, 16, 24, 5) },
    { text: 'Subject: 2\r\n\r\n', flags: ['$imported'], time: Date.UTC(2026, 10, 23, 16, 24, 6) },
  ]);
});

test('one message: line ends become CRLF, the date is what it says itself, a line of an mbox goes', async () => {
  const to = await ground();
  const text = 'Subject: x\nDate: Mon, 23 Nov 2020 16:24:05 +0100\n\nline\r\nend';
  await take(to, to.work, text);
  await take(to, to.work, `From nobody\n${text}`, { format: 'eml', internalDate: { time: 0, zone: 0 } });
  await take(to, to.work, 'a stray line\nX-Only: field, and no Date');
  for (const none of ['no header', '\n\nSubject: too late\n', 'Dear Bob: hello\n\nhello\n', 'x'.repeat(100_000)]) {
    const [answer, ...more] = await take(to, to.work, none);
    assert.ok(answer?.ok === false && answer.error.failure === 'bad-request' && more.length === 0, none.slice(0, 20));
  }
  const whole = text.replaceAll(/(?<!\r)\n/g, '\r\n');
  assert.deepEqual(await all(to, to.work), [
    { text: whole, flags: [], time: Date.UTC(2020, 10, 23, 15, 24, 5) },
    { text: whole, flags: [], time: 0 },
    { text: 'a stray line\r\nX-Only: field, and no Date', flags: [], time: clock.now() },
  ]);
});

test('what can not be taken is told, and the rest goes on', async () => {
  const to = await ground();
  const from = 'From a@b Mon Nov 23 16:24:05 2026\n';
  const large = `Subject: large\n\n${'x'.repeat(1_100_000)}\n`;
  const answers = await take(
    to,
    to.work,
    `${from}A: 1\n\n\n${from}${large}\n${from}B: \0\n\n${from}\n${from}C: 2\n\n\n`,
  );
  assert.deepEqual(
    answers.map((answer) => (answer.ok ? answer.size : answer.error.failure)),
    [8, 'too-large', 'bad-request', 'bad-request', 8],
  );
  assert.equal((await all(to, to.work)).at(-1)!.text, 'C: 2\r\n\r\n');
  await assert.rejects(take(to, to.work, 'Subject: x\n\n', { format: 'mbox' }), /no mbox/);
});

test('a full account ends an import', async () => {
  const to = await ground(2000);
  const one = `From a@b Mon Nov 23 16:24:05 2026\n${letter(1)}\n`;
  const answers = await take(to, to.work, one.repeat(500));
  const taken = answers.filter((answer) => answer.ok).length;
  assert.equal((await all(to, to.work)).length, taken);
  assert.ok(taken > 10 && taken < 60 && answers.length < 100, `${taken} of ${answers.length}`);
  assert.ok(answers.some((answer) => !answer.ok && answer.error.failure === 'over-quota'));
});

test('a zip has a file for each message, in a folder for each mailbox', async () => {
  const from = await ground();
  await fill(from, from.inbox);
  await fill({ ...from, store: renamed(from.store) }, from.work);
  const file = await buffer(exportZip(from.store, from.access, [from.inbox, from.work]));
  const entries = await unzip(file);
  assert.deepEqual([...entries.keys()].slice(0, 5), [
    'INBOX/000001 number 1 _ _x_.eml',
    'INBOX/000002 number 2 _ _x_.eml',
    'INBOX/000003 number 3 _ _x_.eml',
    'INBOX/000004 theirs.eml',
    'Work/_/000001 number 1 _ _x_.eml',
  ]);
  const stored = [...(await all(from, from.inbox)), ...(await all(from, from.work))];
  assert.deepEqual(
    [...entries.values()].map((content) => content.toString('latin1')),
    stored.map(({ text }) => text),
  );
});

/** Commit ids of `fill` are used once. */
function renamed(store: MemoryStore): MemoryStore {
  return new Proxy(store, {
    get(target, key) {
      if (key === 'commit') {
        return (commit: Parameters<MemoryStore['commit']>[0]) => target.commit({ ...commit, id: `${commit.id} again` });
      }
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function unzip(file: Buffer): Promise<Map<string, Buffer>> {
  const zip = await yauzl.fromBufferPromise(file);
  const out = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry()) {
    out.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  }
  return out;
}

test('whoever stops reading a zip leaves nothing behind', async () => {
  const from = await ground();
  await fill(from, from.inbox);
  for await (const chunk of exportMailbox(from.store, from.access, from.inbox, 'zip')) {
    assert.ok(chunk.length > 0);
    break;
  }
});

test('CRLF is made wherever chunks part', async () => {
  const text = 'a\r\nb\nc\r\r\nd\n\ne\r';
  for (let size = 1; size <= text.length; size++) {
    const out = await buffer(withCrlf(pieces(Buffer.from(text), size)));
    assert.equal(out.toString(), 'a\r\nb\r\nc\r\r\nd\r\n\r\ne\r', `pieces of ${size}`);
  }
});
