import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import type { MailStore } from '#store/store.ts';
import { settle } from '#test/support/clock.ts';
import { type ImapTestClient, type ImapWorld, imapWorld } from '#test/support/imap-session.ts';

const worlds: ImapWorld[] = [];
after(async () => {
  for (const world of worlds) await world.close();
});

type Content = (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/** A client in INBOX with one large message, whose content passes through `tamper` on its way out. */
async function largeMessage(size: number, tamper: Content): Promise<ImapTestClient> {
  const wrap = (store: MailStore): MailStore =>
    new Proxy(store, {
      get(target, name: keyof MailStore) {
        if (name === 'content') {
          return (...args: Parameters<MailStore['content']>) => tamper(target.content(...args));
        }
        const member = target[name];
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  const world = await imapWorld({ messageSize: size + 100, wrap });
  worlds.push(world);
  const client = await world.connect();
  const text = `Subject: x\r\n\r\n${'x'.repeat(size)}`;
  await client.ask(`APPEND INBOX {${text.length}+}\r\n${text}`);
  await client.ask('SELECT INBOX');
  return client;
}

test('octets that fail before any was promised are a NO, and the session goes on', async () => {
  const client = await largeMessage(100_000, async function* (chunks) {
    for await (const chunk of chunks) {
      if (chunk.length > 0) throw new MailError('unavailable', 'The message can not be read now');
      yield chunk;
    }
  });
  assert.deepEqual(await client.ask('FETCH 1 (UID RFC822.SIZE BODY.PEEK[])'), [
    'NO [UNAVAILABLE] The message can not be read now',
  ]);
  assert.deepEqual(await client.ask('FETCH 1 UID'), ['* 1 FETCH (UID 1)', 'OK FETCH completed']);
});

test('octets that fail inside a literal end the connection: nothing false is ever sent', async () => {
  const client = await largeMessage(600_000, async function* (chunks) {
    let first = true;
    for await (const chunk of chunks) {
      if (!first) throw new MailError('unavailable', 'gone');
      first = false;
      yield chunk;
    }
  });
  await assert.rejects(client.ask('FETCH 1 BODY.PEEK[]'), /the server has closed/);
});

test('octets that are missing end the connection too', async () => {
  const client = await largeMessage(100_000, async function* (chunks) {
    for await (const chunk of chunks) yield chunk.subarray(1);
  });
  await assert.rejects(client.ask('FETCH 1 BODY.PEEK[]'), /the server has closed/);
});

test('a client that does not read holds the store back', async () => {
  let given = 0;
  const client = await largeMessage(5_000_000, async function* (chunks) {
    for await (const chunk of chunks) {
      given += chunk.length;
      yield chunk;
    }
  });
  const tag = client.start('FETCH 1 BODY.PEEK[]');
  for (let turn = 0; turn < 20; turn++) await settle();
  assert.ok(given < 1_500_000, `${given} octets were read for a client that takes none`);
  const [response] = await client.finish(tag);
  assert.equal(given, 5_000_014);
  assert.ok(response?.endsWith('xxx)'));
});
