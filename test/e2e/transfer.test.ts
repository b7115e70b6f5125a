/** Moving accounts as an admin does it, by the commands. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Account, assertSame, fillMailbox, listMailbox, withAccount } from '#test/interop/clients/mailbox.ts';
import { trialMessages } from '#test/interop/clients/messages.ts';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';

describe('peerpost account import, from ourselves', () => {
  let peer: TestPeer;
  before(async () => {
    peer = await startTestPeer({ domain: 'alpha.test', users: ['alice', 'bob', 'carol'] });
  });
  after(() => peer?.close());

  const account = (name: string): Account => ({
    host: peer.host,
    port: peer.port(143),
    user: `${name}@alpha.test`,
    password: peer.password,
  });
  const take = async (to: string, from: string) => {
    const url = `imap://${from}@alpha.test@${peer.host}:${peer.port(143)}`;
    const args = ['account', 'import', `${to}@alpha.test`, '--from', url, '--password-stdin', '--insecure', '--json'];
    const { code, stdout, stderr } = await peer.cli(args, `${peer.password}\n`);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as { copied: number; changed: number; failed: number };
  };

  test('everything comes over, and then only what is new', async () => {
    const [alice, bob] = [account('alice'), account('bob')];
    const mailboxes = ['INBOX', 'Sent', 'Work/Grüße & more'];
    for (const [i, name] of mailboxes.entries()) await fillMailbox(alice, name, trialMessages(`m${i}`, 70));
    assert.deepEqual(pick(await take('bob', 'alice')), { copied: 210, changed: 0, failed: 0 });
    for (const name of mailboxes) {
      assertSame(await listMailbox(bob, name), await listMailbox(alice, name), name, { dates: true });
    }
    await fillMailbox(alice, 'INBOX', trialMessages('more', 5));
    await withAccount(alice, async (client) => {
      await client.mailboxOpen('INBOX');
      await client.messageFlagsAdd('1:3', ['\\Answered', 'project']);
    });
    const seen = await listMailbox(bob, 'INBOX');
    const again = pick(await take('bob', 'alice'));
    assert.equal(again.copied, 5);
    assert.ok(again.changed > 0);
    assertSame(await listMailbox(bob, 'INBOX'), await listMailbox(alice, 'INBOX'), 'INBOX', { dates: true });
    assert.notDeepEqual(await listMailbox(bob, 'INBOX'), seen);
    assert.deepEqual(pick(await take('bob', 'alice')), { copied: 0, changed: 0, failed: 0 });
  });

  test('a wrong password, an unknown account and a URL that is none are said in a line', async () => {
    const url = `imap://alice@alpha.test@${peer.host}:${peer.port(143)}`;
    const run = (to: string, from: string, password: string) =>
      peer.cli(['account', 'import', to, '--from', from, '--password-stdin', '--insecure'], password);
    const wrong = await run('carol@alpha.test', url, 'wrong');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^peerpost: can not log in to .*\n$/);
    assert.match((await run('nobody@alpha.test', url, 'x')).stderr, /no account nobody@alpha\.test/);
    assert.equal((await run('carol@alpha.test', 'http://x', 'x')).code, 2);
  });
});

describe('peerpost account export and restore', () => {
  let peer: TestPeer;
  before(async () => {
    peer = await startTestPeer({ domain: 'alpha.test', users: ['alice'] });
  });
  after(() => peer?.close());

  const account = (name: string): Account => ({
    host: peer.host,
    port: peer.port(143),
    user: `${name}@alpha.test`,
    password: peer.password,
  });

  test('an account comes back under the same UIDs and with its password', async () => {
    for (const name of ['INBOX', 'Sent', 'Work/Grüße & more']) {
      await fillMailbox(account('alice'), name, trialMessages(name, 40));
    }
    const file = `${peer.data}/alice.tar.zst`;
    const exported = await peer.cli(['account', 'export', 'alice@alpha.test', file, '--with-password', '--json']);
    assert.equal(exported.code, 0, exported.stderr);
    const over = await peer.cli(['account', 'export', 'alice@alpha.test', file]);
    assert.deepEqual([over.code, /is there already/.test(over.stderr)], [1, true]);
    const verified = await peer.cli(['account', 'restore', '--verify', file, '--json']);
    assert.equal((JSON.parse(verified.stdout) as { messages: number }).messages, 120, verified.stderr);
    const restored = await peer.cli(['account', 'restore', 'back@alpha.test', file]);
    assert.equal(restored.code, 0, restored.stderr);
    for (const name of ['INBOX', 'Sent', 'Work/Grüße & more']) {
      const [there, here] = [await listMailbox(account('alice'), name), await listMailbox(account('back'), name)];
      assert.deepEqual(here, there);
    }
    const again = await peer.cli(['account', 'restore', file]);
    assert.match(again.stderr, /there is an account alice@alpha\.test/);
  });
});

describe('an import that REST has started', () => {
  let peer: TestPeer;
  before(async () => {
    peer = await startTestPeer({ domain: 'alpha.test', users: ['alice', 'bob'] });
  });
  after(() => peer?.close());

  interface Job {
    readonly id: string;
    readonly state: string;
    readonly progress?: { readonly copied: number };
  }

  async function ask<T>(token: string, method: string, path: string, body?: object): Promise<T> {
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
    const where = { host: peer.host, port: peer.port(443), path: `/api/v1/admin${path}`, rejectUnauthorized: false };
    const sent = request({ ...where, method, headers, agent: false });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const got = await text(answer);
    assert.ok((answer.statusCode ?? 0) < 300, got);
    return JSON.parse(got) as T;
  }

  test('goes on when the gateway was killed, can be cancelled, and keeps no password', async () => {
    const host = peer.host;
    const account = (name: string) => ({
      host,
      port: peer.port(143),
      user: `${name}@alpha.test`,
      password: peer.password,
    });
    await fillMailbox(account('alice'), 'INBOX', trialMessages('many', 400));
    const made = await peer.cli(['token', 'add', 'imports', '--scope', 'admin', '--json']);
    const { token } = JSON.parse(made.stdout) as { token: string };
    const { items } = await ask<{ items: { id: string; address: string }[] }>(token, 'GET', '/accounts');
    const bob = items.find(({ address }) => address === 'bob@alpha.test')!.id;
    const from = { host, port: peer.port(143), secure: false, user: 'alice@alpha.test' };
    const order = { from, password: peer.password };
    const { id } = await ask<Job>(token, 'POST', `/accounts/${bob}/imports`, order);
    process.kill((await peer.pids()).get('imap-gateway')!, 'SIGKILL');
    const state = async (job: string): Promise<Job> => {
      // A request may meet the gateway that is being killed.
      for (let tries = 1; ; tries++) {
        try {
          return await ask<Job>(token, 'GET', `/jobs/${job}`);
        } catch (error) {
          if (tries === 20) throw error;
          await pause(100);
        }
      }
    };
    while (!['done', 'failed'].includes((await state(id)).state)) await pause(100);
    assert.equal((await state(id)).state, 'done', JSON.stringify(await state(id)));
    const [there, here] = [await listMailbox(account('alice'), 'INBOX'), await listMailbox(account('bob'), 'INBOX')];
    assertSame(here, there, 'INBOX', { dates: true });

    const second = await ask<Job>(token, 'POST', `/accounts/${bob}/imports`, order);
    await ask<Job>(token, 'DELETE', `/jobs/${second.id}`);
    while (!['done', 'cancelled'].includes((await state(second.id)).state)) await pause(50);
    const wrong = await ask<Job>(token, 'POST', `/accounts/${bob}/imports`, { from, password: 'wrong one' });
    while ((await state(wrong.id)).state !== 'failed') await pause(50);
    const list = await ask<{ items: Job[] }>(token, 'GET', '/jobs?account=bob@alpha.test');
    assert.deepEqual(
      list.items.map((job) => job.id),
      [wrong.id, second.id, id],
    );
    assert.ok(!JSON.stringify(list).includes('wrong one'));
  });
});

const pick = ({ copied, changed, failed }: { copied: number; changed: number; failed: number }) => ({
  copied,
  changed,
  failed,
});
