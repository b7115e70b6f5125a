/** Our peer for the IMAP bench: all of its programs, as an admin starts them. Its mail comes in through the store, as the MDA puts it there. */

import { readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { parseConfig } from '#config/parse.ts';
import { indexMessage } from '#mail/mime/indexer.ts';
import { systemClock as clock, systemRandom as random } from '#runtime/system.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import { openDirectoryWriter } from '#store/sqlite/directory.ts';
import { openMailStore } from '#store/sqlite/store.ts';
import { openShardWriter } from '#store/sqlite/writer.ts';
import type { MailStore } from '#store/store.ts';
import { type AccountId, INLINE_BODY_LIMIT, type MailboxId } from '#store/types.ts';
import { silentLog } from '#test/support/log.ts';
import { prepareTestPeer, type TestPeer } from '#test/support/system.ts';
import { RawClient } from './client.ts';
import { flagsOf, type Generate } from './messages.ts';
import { type BenchServer, treeCpuSeconds } from './server.ts';

const DOMAIN = 'bench.test';
const ADDRESS = `user@${DOMAIN}`;
const IN_FLIGHT = 64;

export class Peer implements BenchServer {
  readonly name = 'Peerpost';
  readonly #peer: TestPeer;
  #spent = 0;

  private constructor(peer: TestPeer) {
    this.#peer = peer;
  }

  static async prepare(): Promise<Peer> {
    return new Peer(await prepareTestPeer({ domain: DOMAIN, users: ['user'] }));
  }

  connect(): Promise<RawClient> {
    return RawClient.login(this.#peer.host, this.#peer.port(143), ADDRESS, this.#peer.password);
  }

  pop3() {
    const { host, password } = this.#peer;
    return { host, port: this.#peer.port(110), user: ADDRESS, password };
  }

  async fill(messages: number, boxes: number, generate: Generate): Promise<void> {
    const { data } = this.#peer;
    const config = parseConfig(await readFile(this.#peer.config, 'utf8'), { file: this.#peer.config, cores: 1 });
    const directory = await openDirectoryWriter({ data, clock });
    const [account] = await directory.accounts();
    if (account === undefined) throw new Error('the account of the bench is missing');
    const owner = account.id;
    const locate = async (): Promise<number> => account.shard;
    const store = openMailStore({ data, shards: config.store.shards, locate, log: silentLog, clock, own: true });
    const list = await store.mailboxes({ owner, viewer: owner });
    const inbox = list.mailboxes.find(({ name }) => name === 'INBOX')!.id;
    await many(messages, (n) => add(store, owner, inbox, n, generate(n)));
    await many(boxes, async (n) => {
      const id = newId('mailbox', random);
      await commit(store, owner, { type: 'create-mailbox', id, name: `box-${n}` });
      await add(store, owner, id, n, generate(n));
    });
    await store.close();
    await directory.close();
    // As the writer does every minute, with what came in between.
    const writer = await openShardWriter({ data, shard: account.shard, log: silentLog, clock, collectEvery: 0 });
    await writer.collect();
    await writer.close();
    await this.#peer.start();
  }

  /** Of its HTTP, and who may ask there. */
  get http(): { readonly host: string; readonly port: number; readonly address: string; readonly password: string } {
    return { host: this.#peer.host, port: this.#peer.port(80), address: ADDRESS, password: this.#peer.password };
  }

  /** Process ids by program. */
  pids(): Promise<ReadonlyMap<string, number>> {
    return this.#peer.pids();
  }

  async restart(): Promise<void> {
    this.#spent = this.cpuSeconds();
    await this.#peer.stop();
    await this.#peer.start();
  }

  cpuSeconds(): number {
    const pid = this.#peer.supervisor()?.pid;
    return this.#spent + (pid === undefined ? 0 : treeCpuSeconds(pid));
  }

  async close(): Promise<void> {
    await this.#peer.close();
  }
}

async function many(count: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

async function add(store: MailStore, owner: AccountId, mailbox: MailboxId, n: number, data: Buffer): Promise<void> {
  const body =
    data.length > INLINE_BODY_LIMIT
      ? await store.stage(owner, one(data))
      : {
          id: newId('body', random),
          length: data.length,
          crc: crc32(data),
          codec: 'identity' as const,
          key: null,
          data,
        };
  const internalDate = { time: clock.now(), zone: 0 };
  const index = indexMessage(data);
  const message = { id: newId('message', random), body, prefix: new Uint8Array(0), index, internalDate };
  await commit(store, owner, { type: 'add-message', mailbox, message, flags: flagsOf(n) });
}

async function* one(data: Buffer): AsyncGenerator<Uint8Array> {
  yield data;
}

async function commit(store: MailStore, owner: AccountId, mutation: Mutation): Promise<void> {
  const answer = await store.commit({ owner, actor: owner, id: newId('commit', random), mutations: [mutation] });
  if (!answer.ok) throw new Error(answer.text);
}
