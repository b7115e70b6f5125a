/** The trial of a program that collects: it takes everything there is, once, line for line, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { ClientPeer } from './client-peer.ts';
import { content, fillMailbox, listMailbox, messageId } from './mailbox.ts';
import { listMaildir } from './maildir.ts';
import { trialId, trialMessages } from './messages.ts';

const COUNT = 70;

export interface CollectTrial {
  readonly client: ClientPeer;
  readonly user: string;
  readonly collect: () => Promise<void>;
  /** All that it has ever collected. */
  readonly collected: () => Promise<Buffer[]>;
}

export async function runCollectTrial({ client, user, collect, collected }: CollectTrial): Promise<void> {
  const account = client.account(user);
  const expected = new Map<string, string>();
  for (const round of ['first', 'second']) {
    const messages = trialMessages(round, COUNT).map(({ raw, date }) => ({ raw: delivered(raw), flags: [], date }));
    for (const [i, { raw }] of messages.entries()) expected.set(trialId(round, i), withoutTraces(raw));
    await fillMailbox(account, 'INBOX', messages);
    await collect();
    assert.deepEqual(await listMailbox(account, 'INBOX'), [], 'nothing stays on the server');
    const found = await collected();
    assert.deepEqual(found.map(messageId).sort(), [...expected.keys()].sort());
    for (const raw of found) assert.equal(withoutTraces(raw), expected.get(messageId(raw)));
  }
  await collect();
  assert.equal((await collected()).length, expected.size, 'collecting from an empty mailbox brings nothing');
}

export async function readMaildir(maildir: string): Promise<Buffer[]> {
  return await Promise.all((await listMaildir(maildir)).map(({ file }) => readFile(file)));
}

/** As a message stands in a mailbox: getmail takes the sender from here. */
const delivered = (raw: Buffer): Buffer => Buffer.concat([Buffer.from('Return-Path: <sender@trial.test>\r\n'), raw]);

/** Without what collectors change: getmail says where a message came from and quotes `From`, and the last line gets an end where it had none. */
const withoutTraces = (raw: Buffer): string =>
  content(raw)
    .replace(/^X-getmail-.*\n/m, '')
    .replace(/^>(?=From )/gm, '')
    .replace(/[^\n]$/, '$&\n');
