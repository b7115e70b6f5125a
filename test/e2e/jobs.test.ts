/** What takes its time, over REST alone: an account as a file from one peer to another, and an account that moves while its gateway is killed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Account, fillMailbox, listMailbox } from '#test/interop/clients/mailbox.ts';
import { trialMessages } from '#test/interop/clients/messages.ts';
import { type Internet, startInternet } from '#test/support/internet.ts';
import { submit } from '#test/support/mail-client.ts';
import type { TestPeer } from '#test/support/system.ts';

interface Job {
  readonly id: string;
  readonly state: string;
  readonly error?: { readonly message: string };
  readonly progress?: { readonly messages?: number; readonly failed: number };
}

describe('jobs over REST', { timeout: 300_000 }, () => {
  let internet: Internet;
  let alpha: TestPeer;
  let beta: TestPeer;
  const tokens = new Map<TestPeer, string>();
  before(async () => {
    internet = await startInternet({ domains: { 'alpha.test': ['alice', 'carol'], 'beta.test': ['bob'] } });
    alpha = internet.peer('alpha.test');
    beta = internet.peer('beta.test');
    for (const peer of [alpha, beta]) {
      const made = await peer.cli(['token', 'add', 'jobs', '--scope', 'admin', '--json']);
      tokens.set(peer, (JSON.parse(made.stdout) as { token: string }).token);
    }
  });
  after(() => internet?.close());

  const account = (peer: TestPeer, name: string): Account => ({
    host: peer.host,
    port: peer.port(143),
    user: `${name}@${peer.domain}`,
    password: peer.password,
  });

  async function ask(peer: TestPeer, method: string, path: string, body?: object | Buffer, auth?: string) {
    const type = Buffer.isBuffer(body) ? 'application/zstd' : 'application/json';
    const sent = request({
      host: peer.host,
      port: peer.port(80),
      path: `/api/v1${path}`,
      method,
      agent: false,
      headers: { authorization: auth ?? `Bearer ${tokens.get(peer)}`, ...(body && { 'content-type': type }) },
    });
    sent.end(body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body));
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const bytes = await buffer(answer);
    assert.ok((answer.statusCode ?? 500) < 300, `${method} ${path}: ${bytes.toString()}`);
    return bytes;
  }
  async function json<T>(...args: Parameters<typeof ask>): Promise<T> {
    return JSON.parse((await ask(...args)).toString()) as T;
  }

  async function ended(peer: TestPeer, path: string, auth?: string): Promise<Job> {
    for (let failures = 0; ; ) {
      try {
        const job = await json<Job>(peer, 'GET', path, undefined, auth);
        if (['done', 'failed', 'cancelled'].includes(job.state)) return job;
      } catch (error) {
        // A request may meet a gateway that is being killed.
        if (++failures > 20) throw error;
      }
      await pause(200);
    }
  }

  test('the owner fetches an account as a file, and another peer takes it', async () => {
    const mailboxes = { INBOX: 60, 'Work/Grüße & more': 30 };
    for (const [name, n] of Object.entries(mailboxes))
      await fillMailbox(account(alpha, 'alice'), name, trialMessages(name, n));
    const basic = `Basic ${Buffer.from(`alice@alpha.test:${alpha.password}`).toString('base64')}`;
    const body = { withPassword: true, current: alpha.password };
    const { id } = await json<Job>(alpha, 'POST', '/exports', body, basic);
    const done = await ended(alpha, `/jobs/${id}`, basic);
    assert.deepEqual([done.state, done.progress?.messages, done.progress?.failed], ['done', 90, 0]);
    const file = await ask(alpha, 'GET', `/jobs/${id}/archive`, undefined, basic);
    const archive = await json<{ id: string; messages: number; password: boolean }>(
      beta,
      'POST',
      '/admin/archives',
      file,
    );
    assert.deepEqual([archive.messages, archive.password], [90, true]);
    const order = { archive: archive.id, address: 'alice@beta.test' };
    const restore = await json<Job>(beta, 'POST', '/admin/restores', order);
    assert.equal((await ended(beta, `/admin/jobs/${restore.id}`)).state, 'done');
    for (const name of Object.keys(mailboxes)) {
      assert.deepEqual(
        await listMailbox(account(beta, 'alice'), name),
        await listMailbox(account(alpha, 'alice'), name),
      );
    }
    const shown = await beta.cli(['job', 'show', restore.id, '--json']);
    assert.deepEqual(JSON.parse(shown.stdout), await json(beta, 'GET', `/admin/jobs/${restore.id}`));
  });

  test('an account moves while mail comes and the gateways are killed', async (t) => {
    await fillMailbox(account(alpha, 'carol'), 'INBOX', trialMessages('carol', 300));
    const { items } = await json<{ items: { id: string; address: string }[] }>(alpha, 'GET', '/admin/accounts');
    const carol = items.find(({ address }) => address === 'carol@alpha.test')!.id;
    const to = `http://${beta.host}:${beta.port(80)}`;
    const order = { to, as: 'carol@beta.test', token: tokens.get(beta) };
    const { id } = await json<Job>(alpha, 'POST', `/admin/accounts/${carol}/moves`, order);
    let letters = 0;
    for (const peer of [alpha, beta]) {
      const from = { peer: beta, address: 'bob@beta.test' };
      await submit(from, { to: 'carol@alpha.test', subject: `letter ${letters}`, text: 'late' });
      letters += 1;
      process.kill((await peer.pids()).get('imap-gateway')!, 'SIGKILL');
      await pause(500);
    }
    const done = await ended(alpha, `/admin/jobs/${id}`);
    assert.equal(done.state, 'done', JSON.stringify(done));
    const there = account(beta, 'carol');
    let found = await listMailbox(there, 'INBOX');
    for (let i = 0; i < 100 && found.length < 300 + letters; i++) {
      await pause(200);
      found = await listMailbox(there, 'INBOX');
    }
    assert.equal(new Set(found.map(({ id: one }) => one)).size, 300 + letters);
    assert.equal(found.length, 300 + letters);
    const listed = await alpha.cli(['job', 'list', '--kind', 'move', '--json']);
    assert.ok(!listed.stdout.includes(tokens.get(beta)!), 'no token is shown');
    assert.deepEqual(JSON.parse(listed.stdout), await json(alpha, 'GET', '/admin/jobs?kind=move'));
    t.diagnostic(`${done.progress?.messages} messages, ${letters} letters meanwhile, both gateways killed once`);
  });
});
