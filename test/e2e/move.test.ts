/** An account moves from one running peer to another while somebody writes to it and its owner marks mail; the command and both peers are killed meanwhile. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Account,
  fillMailbox,
  listMailbox,
  type StoredMessage,
  withAccount,
} from '#test/interop/clients/mailbox.ts';
import { trialMessages } from '#test/interop/clients/messages.ts';
import { type Internet, startInternet } from '#test/support/internet.ts';
import { submit } from '#test/support/mail-client.ts';
import { generator } from '#test/support/random.ts';
import type { TestPeer } from '#test/support/system.ts';

const cli = join(import.meta.dirname, '../../scripts/cli/main.ts');
const MAILBOXES = { INBOX: 300, Sent: 40, 'Work/Grüße & more': 120 };
const KILLS = Number(process.env.KILLS ?? 3);

describe('peerpost account move', () => {
  let internet: Internet;
  let alpha: TestPeer;
  let beta: TestPeer;
  let token: string;
  const seed = process.env.SEED ?? `${Date.now()}`;
  const chance = generator(seed);

  before(async () => {
    internet = await startInternet({ domains: { 'alpha.test': ['alice', 'carol'], 'beta.test': ['bob'] } });
    alpha = internet.peer('alpha.test');
    beta = internet.peer('beta.test');
    const made = await beta.cli(['token', 'add', 'move', '--scope', 'admin', '--json']);
    assert.equal(made.code, 0, made.stderr);
    token = (JSON.parse(made.stdout) as { token: string }).token;
  });
  after(() => internet.close());

  const account = (peer: TestPeer, name: string): Account => ({
    host: peer.host,
    port: peer.port(143),
    user: `${name}@${peer.domain}`,
    password: peer.password,
  });

  function startMove(): { child: ChildProcess; ended: Promise<{ code: number | null; out: string }> } {
    const to = `https://${beta.host}:${beta.port(443)}`;
    const args = ['account', 'move', 'alice@alpha.test', '--to', to, '--as', 'alice@beta.test', '--token-stdin'];
    const child = spawn(process.execPath, [cli, ...args, '--insecure', '--json', '--config', alpha.config]);
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stdin.end(`${token}\n`);
    return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number | null, out })) };
  }

  /** The command, or a gateway: that of the peer which takes the account answers the command. */
  async function killSomething(child: ChildProcess): Promise<void> {
    const what = Math.floor(chance() * 3);
    if (what === 0) {
      child.kill('SIGKILL');
      return;
    }
    const pid = (await (what === 1 ? beta : alpha).pids()).get('imap-gateway');
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }

  /** Answers how often something was killed until the move was through. */
  async function moveThroughKills(): Promise<number> {
    for (let kills = 0; ; ) {
      const { child, ended } = startMove();
      while (kills < KILLS) {
        const first = await Promise.race([ended.then(() => 'ended'), pause(400 + chance() * 1500, 'alive')]);
        if (first === 'ended') break;
        kills += 1;
        await killSomething(child);
      }
      const { code, out } = await ended;
      if (code === 0) return kills;
      if (child.signalCode === null) assert.match(out, /"code":"(unavailable|conflict)"/);
    }
  }

  test('everything is there once, wherever it came in', async (t) => {
    for (const [i, [name, n]] of Object.entries(MAILBOXES).entries()) {
      await fillMailbox(account(alpha, 'alice'), name, trialMessages(`box${i}`, n));
    }
    await alpha.cli(['account', 'autoreply', 'alice@alpha.test', '--text', 'Away.', '--from', '2100-01-01']);
    const writer = writeLetters({ peer: alpha, address: 'carol@alpha.test' });
    const reader = markMail(account(alpha, 'alice'), chance);
    let kills = 0;
    try {
      kills = await moveThroughKills();
    } finally {
      await reader.stop();
      // Mail that comes later goes the new way.
      await writer.stop(3);
    }
    const letters = writer.accepted();

    const there = account(beta, 'alice');
    await untilCount(there, MAILBOXES.INBOX + letters);
    const inbox = await listMailbox(there, 'INBOX');
    const ids = inbox.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, 'nothing is there twice');
    assert.equal(ids.length, MAILBOXES.INBOX + letters);
    const refused = await alpha.cli(['account', 'show', 'alice@alpha.test', '--json']);
    assert.match(refused.stdout, /"moved":\{"to":"alice@beta\.test","how":"forward"\}/);
    const away = await beta.cli(['account', 'autoreply', 'alice@beta.test', '--json']);
    assert.match(away.stdout, /"text":"Away\."/);
    await assert.rejects(
      withAccount(account(alpha, 'alice'), async () => undefined),
      'logins are refused',
    );
    await compareWithArchive(alpha, beta);
    t.diagnostic(
      `seed ${seed}: ${kills} kills, ${letters} letters, ${reader.changes()} changes of flags, lost 0, doubled 0`,
    );
  });

  /** The old account can't log in any more; what it holds comes back from an archive of it. */
  async function compareWithArchive(from: TestPeer, to: TestPeer): Promise<void> {
    const file = `${from.data}/alice.tar`;
    const exported = await from.cli(['account', 'export', 'alice@alpha.test', file, '--with-password']);
    assert.equal(exported.code, 0, exported.stderr);
    const restored = await from.cli(['account', 'restore', 'before@alpha.test', file]);
    assert.equal(restored.code, 0, restored.stderr);
    for (const name of Object.keys(MAILBOXES)) {
      const old = await listMailbox(account(from, 'before'), name);
      const now = await listMailbox(account(to, 'alice'), name);
      const known = new Map(now.map((message) => [message.id, message]));
      for (const message of old) {
        const { uid: _, ...rest } = message;
        const { uid: __, ...same } = known.get(message.id) ?? ({} as StoredMessage);
        assert.deepEqual(same, rest, `${name}: ${message.id}`);
      }
      if (name !== 'INBOX') {
        assert.deepEqual(
          now.map(({ uid }) => uid),
          old.map(({ uid }) => uid),
          `UIDs of ${name}`,
        );
      }
    }
  }
});

/** Somebody who writes and writes; no letter may be refused. */
function writeLetters(from: { peer: TestPeer; address: string }) {
  let accepted = 0;
  let left = Number.POSITIVE_INFINITY;
  const done = (async () => {
    while (left > 0) {
      await submit(from, { to: 'alice@alpha.test', subject: `letter ${accepted}`, text: 'late' });
      accepted += 1;
      left -= 1;
    }
  })();
  done.catch(() => undefined);
  return {
    accepted: () => accepted,
    /** After so many more. */
    async stop(more: number): Promise<void> {
      left = more;
      await done;
    },
  };
}

/** A client that sets and clears flags until it is sent away. */
function markMail(account: Account, chance: () => number) {
  let going = true;
  let changes = 0;
  const work = async (): Promise<void> => {
    while (going) {
      try {
        await withAccount(account, async (client) => {
          // Its server is killed; the next command tells.
          client.on('error', () => undefined);
          await client.mailboxOpen('INBOX');
          while (going) {
            const at = 1 + Math.floor(chance() * 300);
            const flags = [['\\Seen'], ['\\Flagged'], ['work', 'later']][Math.floor(chance() * 3)]!;
            const range = `${at}:${at + 3}`;
            if (chance() < 0.7) await client.messageFlagsAdd(range, flags);
            else await client.messageFlagsRemove(range, flags);
            changes += 1;
          }
        });
      } catch {
        // Its server was killed, or it was sent away for good.
        await pause(100);
      }
    }
  };
  const done = work();
  return {
    changes: () => changes,
    async stop(): Promise<void> {
      going = false;
      await done;
    },
  };
}

async function untilCount(account: Account, count: number): Promise<void> {
  const end = Date.now() + 60_000;
  for (;;) {
    const { messages } = await withAccount(account, async (client) => {
      return (await client.status('INBOX', { messages: true })) as { messages: number };
    });
    if (messages >= count) return;
    assert.ok(Date.now() < end, `only ${messages} of ${count} messages arrived`);
    await pause(200);
  }
}
