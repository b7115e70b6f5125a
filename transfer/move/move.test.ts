/** Two peers in one process: mail keeps coming, a client keeps working, and either side is killed before or after any step. What arrives is compared octet for octet. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import { indexMessage } from '#mail/mime/indexer.ts';
import { systemRandom } from '#runtime/system.ts';
import { createAccount, findAccount } from '#store/accounts.ts';
import { newId } from '#store/ids.ts';
import { createMemoryDirectory } from '#store/memory/directory.ts';
import { MemoryStore } from '#store/memory/store.ts';
import type { Mutation } from '#store/mutation.ts';
import { makeSecret } from '#store/secret.ts';
import type { Access } from '#store/types.ts';
import { generator } from '#test/support/random.ts';
import { incomingMoves } from './incoming.ts';
import { type MovePhase, moveAccount } from './outgoing.ts';
import type { MoveTarget } from './protocol.ts';

const clock = { now: () => Date.UTC(2026, 10, 23) };
const secret = makeSecret('secret');

async function peer(domain: string) {
  const store = new MemoryStore({ clock, random: systemRandom });
  const directory = createMemoryDirectory({ clock });
  await directory.change({ type: 'add-domain', name: domain });
  return { store, directory, random: systemRandom, clock, shards: 1, quota: 0, messageSize: 10_000_000 };
}
type Peer = Awaited<ReturnType<typeof peer>>;

async function commit(on: Peer, { owner }: Access, ...mutations: Mutation[]): Promise<void> {
  const answer = await on.store.commit({ owner, actor: owner, id: newId('commit', systemRandom), mutations });
  assert.ok(answer.ok, JSON.stringify(answer));
}

async function deliver(on: Peer, access: Access, mailbox: string, text: string): Promise<void> {
  const data = Buffer.from(text);
  async function* once(): AsyncGenerator<Uint8Array> {
    yield data;
  }
  const body = await on.store.stage(access.owner, once());
  const internalDate = { time: 1_600_000_000_000 + text.length, zone: 60 };
  const prefix = Buffer.from('Return-Path: <x@y>\r\n');
  const message = { id: newId('message', systemRandom), body, prefix, index: indexMessage(data), internalDate };
  await commit(on, access, { type: 'add-message', mailbox, message, flags: [] });
}

interface Seen {
  readonly content: string;
  readonly flags: string;
  readonly uid: number;
  readonly message: string;
  readonly thread: string;
  readonly date: number;
}

async function picture({ store }: Peer, access: Access): Promise<Map<string, Seen[]>> {
  const { mailboxes } = await store.mailboxes(access);
  const out = new Map<string, Seen[]>();
  for (const { id, name, uidValidity, role } of mailboxes) {
    const { uids, flags, flagSets } = await store.snapshot(access, id);
    const seen: Seen[] = [];
    for await (const rows of store.messages(access, id, [[1, 999_999]], { content: true })) {
      for (const { uid, content, message, thread, internalDate } of rows) {
        const set = flagSets[flags[uids.indexOf(uid)]!]!.toSorted().join(' ');
        const text = Buffer.from(content!).toString();
        seen.push({ content: text, flags: set, uid, message, thread, date: internalDate.time });
      }
    }
    out.set(`${name} ${id} ${uidValidity} ${role}`, seen);
  }
  return new Map([...out].sort(([a], [b]) => (a < b ? -1 : 1)));
}

class Killed extends Error {}

/** What happens around the move, as chance has it. */
class World {
  readonly chance: () => number;
  readonly source: Peer;
  readonly goal: Peer;
  readonly access: Access;
  delivered = 0;
  kills = 0;
  phase: MovePhase = 'copy';
  closed = false;

  constructor(seed: string, source: Peer, goal: Peer, access: Access) {
    this.chance = generator(seed);
    this.source = source;
    this.goal = goal;
    this.access = access;
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.chance() * list.length)]!;
  }

  /** A letter comes: to wherever the old address leads. */
  async mail(): Promise<void> {
    const text = `Message-ID: <${this.delivered}@x>\r\nSubject: letter ${this.delivered}\r\n\r\n${'x'.repeat(this.delivered)}\r\n`;
    this.delivered += 1;
    const account = await this.source.directory.account(this.access.owner);
    const moved = account?.moved !== undefined;
    const on = moved ? this.goal : this.source;
    const access = moved ? await accessOf(this.goal, 'bob@beta.test') : this.access;
    const inbox = await on.store.mailboxNamed(access, 'INBOX');
    await deliver(on, access, inbox!.id, text);
  }

  /** A client does something. */
  async work(): Promise<void> {
    const { mailboxes } = await this.source.store.mailboxes(this.access);
    const one = this.pick(mailboxes);
    const { uids } = await this.source.store.snapshot(this.access, one.id);
    const range: [number, number] = [this.pick([...uids, 1]), this.pick([...uids, 1])].sort((a, b) => a - b) as never;
    const other = this.pick(mailboxes);
    const flags = [this.pick(['\\Seen', '\\Flagged', 'Work', 'later'])];
    const what = Math.floor(this.chance() * 9);
    const change = this.pick(['add', 'remove', 'replace'] as const);
    if (what < 4)
      return commit(this.source, this.access, { type: 'set-flags', mailbox: one.id, uids: [range], change, flags });
    if (what === 4) {
      // One that goes is one letter less: what is compared is what both sides have.
      const uid = range[0];
      return commit(this.source, this.access, { type: 'move', from: one.id, uids: [[uid, uid]], to: other.id });
    }
    if (what === 5) {
      return commit(this.source, this.access, {
        type: 'copy',
        from: one.id,
        uids: [[range[0], range[0]]],
        to: other.id,
      });
    }
    const name = `Box ${Math.floor(this.chance() * 8)}`;
    if (mailboxes.some((mailbox) => mailbox.name === name)) return;
    if (what === 6)
      return commit(this.source, this.access, { type: 'create-mailbox', id: newId('mailbox', systemRandom), name });
    if (what === 7 && one.name !== 'INBOX') {
      return commit(this.source, this.access, { type: 'rename-mailbox', mailbox: one.id, name, children: false });
    }
    if (what === 8 && one.name.startsWith('Box') && uids.length === 0) {
      return commit(this.source, this.access, { type: 'delete-mailbox', mailbox: one.id });
    }
  }

  async happen(): Promise<void> {
    if (this.delivered < 120 && this.chance() < 0.5) await this.mail();
    if (!this.closed && this.chance() < 0.6) await this.work();
  }

  /** Each step may be the last of this attempt, before or after it had its effect; an answer may be lost. */
  around(target: MoveTarget): MoveTarget {
    const wrap =
      <A extends unknown[], R>(act: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        await this.happen();
        if (this.chance() < 0.06) this.die();
        if (this.chance() < 0.03) throw new MailError('unavailable', 'not there');
        const answer = await act(...args);
        await this.happen();
        if (this.chance() < 0.06) this.die();
        if (this.chance() < 0.03) throw new MailError('unavailable', 'the answer is lost');
        return answer;
      };
    return {
      offer: wrap((...args) => target.offer(...args)),
      state: wrap((...args) => target.state(...args)),
      changes: wrap((...args) => target.changes(...args)),
      messages: wrap((...args) => target.messages(...args)),
      activate: wrap((...args) => target.activate(...args)),
    };
  }

  die(): never {
    this.kills += 1;
    throw new Killed();
  }
}

async function accessOf({ directory }: Peer, address: string): Promise<Access> {
  const { id } = (await findAccount(directory, address))!;
  return { owner: id, viewer: id };
}

const AWAY = { enabled: true, text: 'Away.', days: 3 };

async function trial(seed: string, how: 'forward' | 'reject'): Promise<World> {
  const [source, goal] = [await peer('alpha.test'), await peer('beta.test')];
  const owner = await createAccount(source, 'alice@alpha.test', await secret);
  await source.directory.change({ type: 'set-autoreply', id: owner, autoreply: AWAY });
  const world = new World(seed, source, goal, { owner, viewer: owner });
  for (let i = 0; i < 30; i++) await world.mail();
  for (let i = 0; i < 40; i++) await world.work();
  const target = world.around(incomingMoves(goal, { actor: 'test' }));
  for (let attempt = 0; ; attempt++) {
    assert.ok(attempt < 300, `${seed}: it never ends`);
    const account = (await findAccount(source.directory, 'alice@alpha.test'))!;
    try {
      await moveAccount({
        ...source,
        account,
        target,
        to: 'https://mail.beta.test',
        as: 'bob@beta.test',
        how,
        by: { actor: 'test' },
        signal: new AbortController().signal,
        close: async () => {
          world.closed = true;
        },
        wait: async () => undefined,
        report: ({ phase }) => {
          world.phase = phase;
        },
      });
      break;
    } catch (error) {
      if (error instanceof Killed) continue;
      if (error instanceof MailError && error.failure === 'unavailable') continue;
      throw new Error(`${seed}, attempt ${attempt}, ${world.phase}`, { cause: error });
    }
  }
  return world;
}

test('a target that always claims to have nothing does not keep the account closed', async () => {
  const source = await peer('alpha.test');
  const owner = await createAccount(source, 'alice@alpha.test', await secret);
  const nothing = { version: 1, active: false, mailboxes: [], last: {}, subscribed: [] };
  let asked = 0;
  const state = async () => {
    asked += 1;
    assert.ok(asked < 200, 'it never ends');
    return nothing;
  };
  const step = async () => ({ version: 1 });
  const done = await moveAccount({
    ...source,
    account: (await source.directory.account(owner))!,
    target: { offer: state, state, changes: step, messages: step, activate: step },
    to: 'https://mail.beta.test',
    as: 'bob@beta.test',
    how: 'forward',
    by: { actor: 'test' },
    signal: new AbortController().signal,
    close: async () => undefined,
    wait: async () => undefined,
    report: () => undefined,
  });
  assert.equal(done.phase, 'done');
});

describe('an account moves', () => {
  const trials = Number(process.env.TRIALS ?? 30);
  test(`nothing is lost and nothing comes twice, in ${trials} trials`, async (t) => {
    let kills = 0;
    let letters = 0;
    for (let i = 0; i < trials; i++) {
      const seed = `${process.env.SEED ?? 'move'} ${i}`;
      const world = await trial(seed, i % 2 === 0 ? 'forward' : 'reject');
      kills += world.kills;
      letters += world.delivered;
      const there = await accessOf(world.goal, 'bob@beta.test');
      const [before, after] = [await picture(world.source, world.access), await picture(world.goal, there)];
      assert.deepEqual([...after.keys()], [...before.keys()], seed);
      const record = await world.source.store.record(world.access, 'move', 'outgoing');
      const { same, phase } = JSON.parse(record!.value) as { same: Record<string, number>; phase: string };
      assert.equal(phase, 'done');
      for (const [name, seen] of before) {
        const limit = same[name.split(' ').at(-3)!] ?? 0;
        const equal = (list: readonly Seen[]) => list.filter(({ uid }) => uid <= limit);
        // What came before the switch is the same in everything; flags that changed later follow too.
        assert.deepEqual(equal(after.get(name)!), equal(seen), `${seed}: ${name}`);
        // What came later has UIDs of its own there.
        const late = seen.filter(({ uid }) => uid > limit);
        const arrived = after.get(name)!.map(({ content }) => content);
        for (const { content } of late) {
          assert.equal(arrived.filter((one) => one === content).length, 1, `${seed}: ${name}: ${content.slice(0, 60)}`);
        }
      }
      // Every letter that came to the old address is there, whichever way.
      const all = [...after.values()].flat().map(({ content }) => content);
      for (let n = 0; n < world.delivered; n++) {
        assert.ok(
          all.some((content) => content.includes(`letter ${n}\r\n`)),
          `${seed}: letter ${n}`,
        );
      }
      const account = await world.source.directory.account(world.access.owner);
      assert.deepEqual(account?.moved, { to: 'bob@beta.test', how: i % 2 === 0 ? 'forward' : 'reject' });
      assert.ok(await world.goal.directory.authenticate('bob@beta.test', 'secret'));
      assert.deepEqual((await world.goal.directory.accountNamed('bob@beta.test'))?.autoreply, AWAY);
    }
    t.diagnostic(`${trials} moves, ${kills} kills, ${letters} letters, lost 0, doubled 0`);
  });

  test('to an address that is taken there is refused, and leaves the account as it was', async () => {
    const [source, goal] = [await peer('alpha.test'), await peer('beta.test')];
    const owner = await createAccount(source, 'alice@alpha.test', await secret);
    await createAccount(goal, 'bob@beta.test', await secret);
    const world = new World('taken', source, goal, { owner, viewer: owner });
    const moving = moveAccount({
      ...source,
      account: (await findAccount(source.directory, 'alice@alpha.test'))!,
      target: incomingMoves(goal, { actor: 'test' }),
      to: 'https://mail.beta.test',
      as: 'bob@beta.test',
      how: 'forward',
      by: { actor: 'test' },
      signal: new AbortController().signal,
      close: async () => world.die(),
      wait: async () => undefined,
      report: () => undefined,
    });
    await assert.rejects(moving, { failure: 'exists' });
    assert.equal((await source.directory.account(owner))?.moved, undefined);
  });
});
