/** POP3 at a running peer: what one protocol does shows in the other, one session at a time, and a policy that a reload changes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { readMailbox, submit, withImap } from '#test/support/mail-client.ts';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';

class Client {
  readonly socket: Socket;
  #text = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1').on('error', () => undefined);
  }

  async ask(command: string): Promise<string> {
    this.socket.write(`${command}\r\n`);
    return await this.line();
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return line;
      }
      const chunk: unknown = this.socket.read();
      if (typeof chunk === 'string') this.#text += chunk;
      else await once(this.socket, 'readable');
    }
  }

  async body(command: string): Promise<string> {
    assert.match(await this.ask(command), /^\+OK /);
    let text = '';
    for (let line = await this.line(); line !== '.'; line = await this.line()) {
      text += `${line.startsWith('.') ? line.slice(1) : line}\r\n`;
    }
    return text;
  }
}

async function open(t: TestContext, peer: TestPeer): Promise<Client> {
  const client = new Client(connect(peer.port(110), peer.host));
  t.after(() => client.socket.destroy());
  assert.match(await client.line(), /^\+OK /);
  return client;
}

async function logIn(client: Client, peer: TestPeer): Promise<string> {
  await client.ask('USER u@alpha.test');
  return await client.ask(`PASS ${peer.password}`);
}

test('POP3 and IMAP see one mailbox; one session at a time, until a reload says otherwise', async (t) => {
  const peer = await startTestPeer({ domain: 'alpha.test', users: ['u'] });
  t.after(() => peer.close());
  const person = { peer, address: 'u@alpha.test' };
  for (const subject of ['first', 'second'])
    await submit(person, { to: person.address, subject, text: `${subject}\n.\n` });
  const stored = await readMailbox(person, 2);
  const one = await open(t, peer);
  assert.match(await logIn(one, peer), /^\+OK 2 messages/);
  for (const [i, raw] of stored.entries()) assert.equal(await one.body(`RETR ${i + 1}`), raw.toString('latin1'));
  const { stdout } = await peer.cli(['status', '--json']);
  assert.match(stdout, /"pop3":/);

  const other = await open(t, peer);
  assert.match(await logIn(other, peer), /^-ERR \[IN-USE\]/);
  await one.ask('DELE 1');
  assert.match(await one.ask('QUIT'), /^\+OK .*1 messages removed/);
  await withImap(person, async (imap) => {
    const lock = await imap.getMailboxLock('INBOX');
    const found = await imap.search({ all: true }, { uid: true });
    lock.release();
    assert.deepEqual(found, [2]);
  });
  assert.match(await logIn(other, peer), /^\+OK 1 messages/);

  await writeFile(peer.config, `${await readFile(peer.config, 'utf8')}\n[pop3]\nin-use = "snapshot"\n`);
  peer.supervisor()?.kill('SIGHUP');
  // For connections that begin after the reload, which nobody announces.
  for (;;) {
    const third = await open(t, peer);
    const answer = await logIn(third, peer);
    if (answer.startsWith('+OK 1 messages')) break;
    assert.match(answer, /^-ERR \[IN-USE\]/);
  }
});
