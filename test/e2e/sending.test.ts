/** A running peer that sends for a script: statuses, undo, events and webhooks, while its gateway is killed in between. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';

interface Hook {
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at any shape.
  readonly body: any;
}

describe('sending through a running peer', { concurrency: 1 }, () => {
  let peer: TestPeer;
  const far = farPeer();
  const hooks = new EventEmitter();
  const received: Hook[] = [];
  /** What the receiver of webhooks answers. */
  let answer = 500;
  const receiver = createServer((asked, answered) => {
    let text = '';
    asked.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    asked.on('end', () => {
      received.push({ id: String(asked.headers['webhook-id']), body: JSON.parse(text) });
      answered.writeHead(answer).end();
      hooks.emit('hook');
    });
  });

  before(async () => {
    const route = await far.listen();
    await once(receiver.listen(0, '127.0.0.1'), 'listening');
    const toml = `[rest]\nwebhook-networks = ["127.0.0.0/8"]\n[routes]\n"far.test" = "smtp://127.0.0.1:${route}"`;
    const delivery = ['retry = ["1s"]'];
    peer = await startTestPeer({ domain: 'a.test', users: ['alice', 'bob'], toml, delivery });
  });
  after(async () => {
    await peer.close();
    await far.close();
    receiver.closeAllConnections();
    receiver.close();
  });

  // biome-ignore lint/suspicious/noExplicitAny: tests look at any shape.
  async function ask(method: string, path: string, body?: object, more: Record<string, string> = {}): Promise<any> {
    const authorization = `Basic ${btoa(`alice@a.test:${peer.password}`)}`;
    const text = body && JSON.stringify(body);
    const headers = { authorization, ...more, ...(text && { 'content-type': 'application/json' }) };
    for (let tries = 1; ; tries++) {
      try {
        const asked = request({ host: peer.host, port: peer.port(80), method, path: `/api/v1${path}`, headers });
        const [got] = await once(asked.end(text), 'response');
        let said = '';
        for await (const chunk of got.setEncoding('utf8')) said += String(chunk);
        assert.ok(got.statusCode < 300, `${method} ${path}: ${got.statusCode} ${said}`);
        return said === '' ? undefined : JSON.parse(said);
      } catch (error) {
        // The gateway was killed: another one is there at once.
        if (error instanceof assert.AssertionError || tries === 50) throw error;
        await pause(100);
      }
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look at any shape.
  async function until(path: string, good: (json: any) => boolean): Promise<any> {
    for (let tries = 1; ; tries++) {
      const json = await ask('GET', path);
      if (good(json)) return json;
      assert.ok(tries < 300, JSON.stringify(json));
      await pause(100);
    }
  }

  async function killGateway(): Promise<void> {
    const pid = (await peer.pids()).get('imap-gateway');
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
  }

  const status = (id: string, wanted: string) => until(`/submissions/${id}`, (json) => json.status === wanted);

  test('to oneself: delivered at once; to nobody: refused; both are told by recipient', async () => {
    const { id } = await ask('POST', '/send', { to: ['alice@a.test', 'nobody@a.test'], subject: 'self', text: 'x' });
    const done = await status(id, 'failed');
    assert.deepEqual(
      done.recipients.map((one: { status: string; reply: string }) => [one.status, one.reply.slice(0, 9)]),
      [
        ['delivered', '250 2.1.5'],
        ['failed', '550 5.1.1'],
      ],
    );
    const inbox = await until('/messages?q=subject:self', ({ items }) => items.length === 2);
    assert.equal(inbox.items.length, 2, 'the message and its copy');
  });

  test('to another peer that defers and then accepts: its words are shown on the way', async () => {
    far.defer = true;
    const key = { 'idempotency-key': 'far-1' };
    const body = { to: ['bob@far.test'], subject: 'far', text: 'hello' };
    const { id } = await ask('POST', '/send', body, key);
    const waiting = await until(`/submissions/${id}`, (json) => json.recipients[0].reply !== undefined);
    assert.deepEqual([waiting.status, waiting.recipients[0].status], ['sent', 'pending']);
    assert.match(waiting.recipients[0].reply, /^451 .*later, please/);
    await killGateway();
    far.defer = false;
    const done = await status(id, 'delivered');
    assert.deepEqual([done.recipients[0].status, done.recipients[0].attempts > 1], ['relayed', true]);
    assert.equal((await ask('POST', '/send', body, key)).id, id);
    assert.equal(far.messages.length, 1);
    assert.match(far.messages[0]!, /^Subject: far\r$/m);
  });

  test('what waits for its time is taken back, or survives kill -9 and leaves once', async () => {
    const sendAt = new Date(Date.now() + 3_000).toISOString();
    const send = (subject: string) => ask('POST', '/send', { to: ['bob@far.test'], subject, sendAt });
    const [undone, kept] = [await send('undone'), await send('kept')];
    assert.equal((await ask('DELETE', `/submissions/${undone.id}`)).status, 'canceled');
    await killGateway();
    await status(kept.id, 'delivered');
    assert.equal((await ask('GET', `/submissions/${undone.id}`)).status, 'canceled');
    const subjects = far.messages.map((text) => /^Subject: (.*)\r$/m.exec(text)?.[1]);
    assert.deepEqual([subjects.filter((one) => one === 'kept').length, subjects.includes('undone')], [1, false]);
  });

  test('a webhook whose receiver fails, while the gateway is killed, gets everything', async () => {
    const { port } = receiver.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/hook`;
    const { id } = await ask('POST', '/webhooks', { url, events: ['message.added'] });
    const tested = await ask('POST', `/webhooks/${id}/test`);
    assert.deepEqual([tested.ok, tested.status], [false, 500]);
    const failed = once(hooks, 'hook');
    await ask('POST', '/send', { to: ['alice@a.test'], subject: 'hooked', text: 'x', save: false });
    await failed;
    await killGateway();
    answer = 200;
    const taken = (): Hook | undefined =>
      received.findLast(({ body }) => body.data.messages?.some((one: { subject: string }) => one.subject === 'hooked'));
    while (taken() === undefined) await once(hooks, 'hook');
    await until(`/webhooks/${id}/deliveries`, ({ items }) => items.some((one: { ok: boolean }) => one.ok));
    await ask('DELETE', `/webhooks/${id}`);
  });

  test('events go on behind the last one that was seen', async () => {
    const first = await listen(undefined, 'ready');
    await ask('POST', '/send', { to: ['alice@a.test'], subject: 'told' });
    const { text } = await listen(first.id, 'message.added');
    assert.match(text, /"subject":"told"/);
  });

  /** Reads the stream up to an event of that type. */
  async function listen(
    lastEventId: string | undefined,
    type: string,
  ): Promise<{ text: string; id: string | undefined }> {
    const authorization = `Basic ${btoa(`alice@a.test:${peer.password}`)}`;
    const headers = { authorization, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) };
    const asked = request({ host: peer.host, port: peer.port(80), path: '/api/v1/events', headers }).end();
    const [stream] = await once(asked, 'response');
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) {
      text += String(chunk);
      if (text.includes(`event: ${type}\n`) && text.endsWith('\n\n')) break;
    }
    asked.destroy();
    return { text, id: [...text.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] };
  }
});

/** Somebody else's peer, on the smtp-server library. */
function farPeer() {
  const messages: string[] = [];
  const peer = {
    defer: false,
    messages,
    async listen(): Promise<number> {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return (server.server.address() as AddressInfo).port;
    },
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    onRcptTo(_address, _session, done) {
      done(peer.defer ? Object.assign(new Error('later, please'), { responseCode: 451 }) : undefined);
    },
    onData(stream, _session, done) {
      let text = '';
      stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      stream.on('end', () => {
        messages.push(text);
        done();
      });
    },
  });
  return peer;
}
