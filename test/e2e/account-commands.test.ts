/** Commands about an account's own mail, beside REST as that account: both say the same, and what one does the other shows. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Check, Errors } from 'typebox/value';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';
import { allRoutes } from '../../imap-gateway/rest/routes.ts';

const ALICE = 'alice@a.test';
// biome-ignore lint/suspicious/noExplicitAny: what commands print has many shapes.
type Json = any;

describe('commands of an account and REST', { timeout: 600_000 }, () => {
  let peer: TestPeer;
  let folder = '';
  let token = '';
  let receiver: Server;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'commands-'));
    receiver = createServer((asked, answer) => {
      asked.resume();
      answer.writeHead(asked.url === '/no' ? 500 : 204).end();
    });
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    peer = await startTestPeer({
      domain: 'a.test',
      users: ['alice', 'bob'],
      toml: '[rest]\nwebhook-networks = ["127.0.0.1"]\n',
    });
    const scopes = ['mail:write', 'send', 'account'];
    const made = await peer.cli(['token', 'add', 'alice', '--account', ALICE, '--scope', ...scopes, '--json']);
    assert.equal(made.code, 0, made.stderr);
    token = JSON.parse(made.stdout).token;
  });
  after(async () => {
    await peer?.close();
    receiver?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function command(...args: readonly string[]): Promise<Json> {
    const { code, stdout, stderr } = await peer.cli([...args, '--json']);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  }

  async function rest(path: string): Promise<Json> {
    const headers = { authorization: `Bearer ${token}` };
    const sent = request({ host: peer.host, port: peer.port(80), path: `/api/v1${path}`, headers });
    sent.end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const pieces: Buffer[] = [];
    for await (const piece of answer) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString();
    assert.equal(answer.statusCode, 200, `${path}: ${text}`);
    return answer.headers['content-type']?.startsWith('application/json') ? JSON.parse(text) : text;
  }

  /** What a command printed is what the operation may answer. */
  function fits(operation: string, value: unknown): void {
    const schema = allRoutes.find(({ operationId }) => operationId === operation)?.response;
    assert.ok(schema, operation);
    assert.ok(Check(schema, value), `${operation}: ${JSON.stringify([Errors(schema, value)[0], value])}`);
  }

  async function same(operation: string, path: string, ...args: readonly string[]): Promise<Json> {
    const said = await command(...args);
    const { next: _, ...answered } = await rest(path);
    assert.deepEqual(said, answered, operation);
    fits(operation, said);
    return said;
  }

  async function fileOf(name: string, content: string): Promise<string> {
    const file = join(folder, name);
    await writeFile(file, content);
    return file;
  }

  test('mailboxes and messages', async () => {
    fits('createMailbox', await command('mailbox', 'create', ALICE, 'Work/Now'));
    const file = await fileOf('a.eml', 'Subject: First \x1b[31mred\nFrom: Bob <bob@b.test>\n\nfirst text\n');
    const added = await command('message', 'add', ALICE, file, '--mailbox', 'Work/Now');
    fits('importMessages', added);
    const [{ id, mailboxId }] = added.messages;
    await same('listMessages', `/messages?mailbox=${mailboxId}`, 'message', 'list', ALICE, '--mailbox', 'Work/Now');
    await same('listMessages', '/messages?q=first', 'message', 'list', ALICE, '--query', 'first');
    await same('getMessage', `/messages/${id}`, 'message', 'show', ALICE, id);
    await same('listThreads', '/threads?q=first', 'thread', 'list', ALICE, '--query', 'first');
    const raw = join(folder, 'raw.eml');
    await command('message', 'raw', ALICE, id, '--output', raw);
    assert.equal(await readFile(raw, 'utf8'), await rest(`/messages/${id}/raw`));
    assert.equal((await peer.cli(['message', 'part', ALICE, id, '1'])).stdout, 'first text\r\n');
    const shown = await peer.cli(['message', 'show', ALICE, id]);
    assert.match(shown.stdout, /^From: Bob <bob@b\.test>\nReceived: .*\nSubject: First .*red\n\nfirst text/);
    assert.ok(!shown.stdout.includes('\x1b'), 'nothing that a terminal obeys');
    fits('changeMessages', await command('message', 'flag', ALICE, id, '--add', '$flagged', 'work'));
    assert.deepEqual((await rest(`/messages/${id}`)).keywords, ['$flagged', 'work']);
    await command('message', 'move', ALICE, '--mailbox', 'Work/Now', '--to', 'archive');
    const { items } = await same('listMailboxes', '/mailboxes', 'mailbox', 'list', ALICE);
    assert.equal(items.find((one: Json) => one.name === 'Archive').messages, 1);
    fits('updateMailbox', await command('mailbox', 'rename', ALICE, 'Work', 'Play'));
    await command('mailbox', 'remove', ALICE, 'Play', '--children');
    const nobody = await peer.cli(['message', 'delete', ALICE, id, 'nobody', '--permanent', '--json']);
    assert.deepEqual([nobody.code, JSON.parse(nobody.stdout)], [1, { changed: 1, notFound: ['nobody'] }]);
    assert.equal((await rest('/messages?q=first')).items.length, 0);
  });

  test('drafts, sending and submissions', async () => {
    const draft = await fileOf('draft.json', JSON.stringify({ to: ['bob@a.test'], subject: 'Draft', text: 'x' }));
    const { id } = await command('draft', 'add', ALICE, draft);
    await same('listDrafts', '/drafts', 'draft', 'list', ALICE);
    await same('getDraft', `/drafts/${id}`, 'draft', 'show', ALICE, id);
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const later = await command('draft', 'send', ALICE, id, '--at', at);
    fits('sendDraft', later);
    await same('getSubmission', `/submissions/${later.id}`, 'submission', 'show', ALICE, later.id);
    assert.equal((await command('submission', 'cancel', ALICE, later.id)).status, 'canceled');
    await command('draft', 'remove', ALICE, id);
    const sent = await command('send', ALICE, '--to', 'bob@a.test', '--subject', 'Hi', '--text', 'there');
    fits('sendMessage', sent);
    const raw = await fileOf('b.eml', 'From: alice@a.test\nTo: bob@a.test\nSubject: Finished\n\nx\n');
    fits('sendMessage', await command('send', ALICE, '--message', raw));
    for (let tries = 0; ; tries++) {
      const { status } = await rest(`/submissions/${sent.id}`);
      if (status === 'delivered') break;
      assert.ok(tries < 200, status);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const { items } = await command('submission', 'list', ALICE);
    assert.equal(items.length, 3);
  });

  test('webhooks', async () => {
    const { port } = receiver.address() as AddressInfo;
    const made = await command('webhook', 'add', ALICE, `http://127.0.0.1:${port}/yes`, '--event', 'message');
    fits('createWebhook', made);
    await same('listWebhooks', '/webhooks', 'webhook', 'list', ALICE);
    await same('getWebhook', `/webhooks/${made.id}`, 'webhook', 'show', ALICE, made.id);
    const told = await command('webhook', 'test', ALICE, made.id);
    assert.deepEqual([told.ok, told.status], [true, 204]);
    fits('changeWebhook', await command('webhook', 'set', ALICE, made.id, '--url', `http://127.0.0.1:${port}/no`));
    const refused = await peer.cli(['webhook', 'test', ALICE, made.id]);
    assert.deepEqual([refused.code, refused.stderr], [1, 'peerpost: not taken: 500\n']);
    const path = `/webhooks/${made.id}/deliveries`;
    await same('listWebhookDeliveries', path, 'webhook', 'deliveries', ALICE, made.id);
    await command('webhook', 'remove', ALICE, made.id);
    assert.deepEqual((await rest('/webhooks')).items, []);
  });

  test('what is wrong is said as REST says it, and used wrongly is 2', async () => {
    const failed = async (...args: string[]): Promise<[number, string]> => {
      const { code, stdout } = await peer.cli([...args, '--json']);
      return [code, JSON.parse(stdout).error.code];
    };
    assert.deepEqual(await failed('message', 'show', ALICE, 'nobody'), [1, 'no-such-message']);
    assert.deepEqual(await failed('message', 'list', ALICE, '--query', 'form:x'), [1, 'bad-request']);
    assert.deepEqual(await failed('message', 'list', ALICE, '--mailbox', 'No'), [1, 'no-such-mailbox']);
    assert.deepEqual(await failed('mailbox', 'list', 'nobody@a.test'), [1, 'no-such-account']);
    assert.deepEqual(await failed('webhook', 'add', ALICE, 'ftp://x'), [1, 'not-permitted']);
    assert.deepEqual(await failed('message', 'delete', ALICE), [2, 'usage']);
    assert.deepEqual(await failed('send', ALICE), [2, 'usage']);
    assert.deepEqual(await failed('message', 'raw', ALICE, 'x', '--json'), [1, 'no-such-message']);
  });

  test('nothing has to run for them', async () => {
    await peer.stop();
    const { items } = await command('message', 'list', ALICE, '--mailbox', 'sent');
    assert.deepEqual(items.map(({ subject }: Json) => subject).sort(), ['Finished', 'Hi']);
    await command('send', ALICE, '--to', 'bob@a.test', '--subject', 'Later', '--text', 'x');
    await peer.start();
    for (let tries = 0; ; tries++) {
      const { items: found } = await command('message', 'list', 'bob@a.test', '--query', 'subject:Later');
      if (found.length === 1) break;
      assert.ok(tries < 30, 'sent once a peer runs');
    }
  });
});
