/**
 * kill -9 of each process at random moments while a thousand messages are sent: every message that got a 250 is in the mailbox at least once,
 * none is damaged, and copies exist only where a sender never read our 250. The seed is printed; PEERPOST_SEED repeats it.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { readMailbox, withImap } from '#test/support/mail-client.ts';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';

const MESSAGES = Number(process.env.PEERPOST_MESSAGES ?? 1000);
const SENDERS = 8;
const seed = process.env.PEERPOST_SEED ?? randomBytes(4).toString('hex');

/** A small deterministic generator: numbers in [0, 1) from the seed. */
function generator(text: string): () => number {
  let count = 0;
  return () => createHash('sha256').update(`${text}:${count++}`).digest().readUInt32BE(0) / 2 ** 32;
}

describe(`kill -9 under load, seed ${seed}`, () => {
  let peer: TestPeer;
  const users = ['ann', 'ben', 'cat', 'dan'];
  before(async () => {
    peer = await startTestPeer({ domain: 'alpha.test', users });
  });
  after(() => peer?.close());

  test(`nothing that was answered with 250 is lost in ${MESSAGES} messages`, { timeout: 600_000 }, async (t) => {
    const random = generator(seed);
    const answered = new Map<string, string>();
    const unsure = new Set<string>();
    let next = 0;
    let kills = 0;
    const work = async (): Promise<void> => {
      for (let n = next++; n < MESSAGES; n = next++) {
        const id = `m${n}`;
        const text = bodyOf(id, n % 50 === 0 ? 400_000 : 3000);
        while (!answered.has(id)) {
          const outcome = await send(peer, users[n % users.length] as string, id, text);
          if (outcome === 'accepted') answered.set(id, text);
          else if (outcome === 'unsure') unsure.add(id);
        }
      }
    };
    const load = Promise.all(Array.from({ length: SENDERS }, work));
    let done = false;
    const ended = load.finally(() => {
      done = true;
    });
    while (!done) {
      const target = ['mta', 'mda', 'imap-gateway'][Math.floor(random() * 3)] as string;
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 300 + random() * 900))]);
      const pid = (await peer.pids()).get(target);
      if (pid === undefined || done) continue;
      process.kill(pid, 'SIGKILL');
      kills++;
    }
    await ended;
    await drained(peer);
    const copies = new Map<string, number>();
    for (const user of users) await count({ peer, address: `${user}@alpha.test` }, answered, copies);
    const lost = [...answered.keys()].filter((id) => !copies.has(id));
    const doubled = [...copies].filter(([id, n]) => n > 1 && !unsure.has(id)).map(([id]) => id);
    t.diagnostic(
      `seed ${seed}, messages ${answered.size}, kills ${kills}, lost ${lost.length}, doubled without cause ${doubled.length}, unsure ${unsure.size}`,
    );
    assert.deepEqual(lost, []);
    assert.deepEqual(doubled, []);
    assert.ok(kills > 0, 'something was killed');
  });
});

/** Lines that name the message, so that a damaged or mixed one is seen. */
function bodyOf(id: string, size: number): string {
  const line = `${id} ${createHash('sha256').update(id).digest('hex')}\r\n`;
  return line.repeat(Math.ceil(size / line.length));
}

/**
 * One message over a connection of its own, in plain steps, so that it is known how far it came: `unsure` once the final dot has been
 * written and no reply was read (RFC 1047), `refused` before that or with a reply that is not 250.
 */
async function send(
  peer: TestPeer,
  user: string,
  id: string,
  text: string,
): Promise<'accepted' | 'refused' | 'unsure'> {
  const socket = createConnection({ host: peer.host, port: peer.port(25) });
  let dotWritten = false;
  try {
    const replies = createInterface({ input: socket })[Symbol.asyncIterator]();
    socket.on('error', () => undefined);
    const step = async (line: string | undefined, code: string): Promise<void> => {
      if (line !== undefined) socket.write(line);
      for (;;) {
        const { value, done } = await replies.next();
        if (done) throw new Error('connection lost');
        if (/^\d{3}-/.test(value)) continue;
        if (!value.startsWith(code)) throw new Refusal(value);
        return;
      }
    };
    await step(undefined, '220');
    await step('EHLO load.test\r\n', '250');
    await step('MAIL FROM:<load@beta.test>\r\n', '250');
    await step(`RCPT TO:<${user}@alpha.test>\r\n`, '250');
    await step('DATA\r\n', '354');
    dotWritten = true;
    await step(`Subject: ${id}\r\nMessage-ID: <${id}@load>\r\n\r\n${text}.\r\n`, '250');
    return 'accepted';
  } catch (error) {
    return dotWritten && !(error instanceof Refusal) ? 'unsure' : 'refused';
  } finally {
    socket.destroy();
  }
}

class Refusal extends Error {}

/** Waits until the queue is empty: what was queued while the MDA was away is delivered. */
async function drained(peer: TestPeer): Promise<void> {
  await peer.cli(['queue', 'retry', '--all']);
  for (let look = 0; look < 600; look++) {
    const { stdout } = await peer.cli(['status', '--json']);
    if ((JSON.parse(stdout) as { queue: { messages: number } }).queue.messages === 0) return;
    await peer.cli(['queue', 'retry', '--all']);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('the queue did not drain');
}

async function count(
  person: { peer: TestPeer; address: string },
  answered: ReadonlyMap<string, string>,
  copies: Map<string, number>,
): Promise<void> {
  const total = await withImap(
    person,
    async (client) => (await client.status('INBOX', { messages: true })) as { messages: number },
  );
  for (const source of await readMailbox(person, total.messages)) {
    const text = source.toString('latin1');
    const id = /^Subject: (m\d+)\r$/m.exec(text)?.[1] ?? '';
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    const expected = answered.get(id);
    assert.ok(expected !== undefined, `an unknown message ${id}`);
    assert.equal(body.trimEnd(), expected.trimEnd(), `message ${id} is damaged`);
    copies.set(id, (copies.get(id) ?? 0) + 1);
  }
}
