import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import yauzl from 'yauzl';
import { temporaryFolder } from '#test/support/folder.ts';
import { type ZipEntry, zipOf } from './zip.ts';

const time = Date.UTC(2026, 10, 23, 16, 24, 6);

async function* streamed(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

const samples: readonly ZipEntry[] = [
  { name: 'empty', time, content: new Uint8Array(0) },
  { name: 'short.eml', time, content: Buffer.from('short') },
  { name: 'INBOX/Grüße.eml', time, content: Buffer.from('Subject: x\r\n'.repeat(500)) },
  { name: 'INBOX/large.eml', time: 0, content: streamed('a'.repeat(70_000), '', 'bc'.repeat(70_000)) },
  { name: 'INBOX/nothing.eml', time, content: streamed() },
];
const CONTENTS = ['', 'short', 'Subject: x\r\n'.repeat(500), 'a'.repeat(70_000) + 'bc'.repeat(70_000), ''];

async function contents(zip: yauzl.ZipFile): Promise<[string, string][]> {
  const out: [string, string][] = [];
  for await (const entry of zip.eachEntry()) {
    const text = (await buffer(await zip.openReadStreamPromise(entry))).toString();
    out.push([entry.fileName, text]);
    if (entry.fileName === 'short.eml') assert.equal(entry.getLastModDate({ timezone: 'UTC' }).getTime(), time);
  }
  return out;
}

test('another program reads what was written; beyond 4 GB too', async (t) => {
  const folder = temporaryFolder(t);
  for (const startsAt of [0, 5_000_000_000]) {
    const path = join(folder, `${startsAt}.zip`);
    const file = await open(path, 'w');
    const again = samples.map((entry, i) =>
      entry.content instanceof Uint8Array ? entry : { ...entry, content: streamed(CONTENTS[i]!) },
    );
    await file.write(await buffer(zipOf(again, startsAt)), 0, null, startsAt);
    await file.close();
    const zip = await yauzl.openPromise(path, { autoClose: false });
    assert.deepEqual(
      await contents(zip),
      samples.map(({ name }, i) => [name, CONTENTS[i]]),
    );
    zip.close();
  }
});

test('a streamed entry arrives whole, whatever its chunks', async () => {
  const zip = await yauzl.fromBufferPromise(await buffer(zipOf(samples)));
  assert.deepEqual((await contents(zip))[3], ['INBOX/large.eml', CONTENTS[3]]);
});

test('more entries than a plain zip can count', async () => {
  const many = Array.from({ length: 66_000 }, (_, i): ZipEntry => ({ name: `${i}`, time, content: Buffer.from('x') }));
  const zip = await yauzl.fromBufferPromise(await buffer(zipOf(many)));
  assert.equal(zip.entryCount, 66_000);
  zip.close();
});

test('trouble with an entry is trouble with the zip', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('x');
    throw new Error('gone');
  }
  await assert.rejects(buffer(zipOf([{ name: 'x', time, content: broken() }])), /gone/);
});
