/**
 * `peerpost restart` under load: SMTP clients that connect for each message, others that keep their connection, people in IDLE. No connection may be
 * refused, no answer withheld, no message lost or doubled. PEERPOST_ROUNDS sets how many restarts, PEERPOST_WORKERS how many workers of each program.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Internet, startInternet } from '#test/support/internet.ts';
import { Line } from '#test/support/line.ts';
import { readMailbox } from '#test/support/mail-client.ts';
import type { TestPeer } from '#test/support/system.ts';

const ROUNDS = Number(process.env.PEERPOST_ROUNDS ?? 3);
const WORKERS = Number(process.env.PEERPOST_WORKERS ?? 1);
const ONE_SHOT = 4;
const KEEPING = 2;
const IDLERS = 20;
/** A sender rests between messages: the trial is about what happens to each, not about how many there are. */
const REST_MS = 10;

/** What all clients saw together. */
interface Seen {
  /** No connection, or another greeting than 220. */
  refused: string[];
  /** The content was sent whole and no answer came. */
  unsure: string[];
  /** 4xx within a session, 421 above all: the client tries again. */
  deferred: string[];
  longestMs: number;
  /** Sessions of IMAP that ended without BYE. */
  cutOff: number;
  byes: number;
}

/** Greets; `undefined` when that failed, which was noted. */
async function open(peer: TestPeer, seen: Seen): Promise<Line | undefined> {
  const line = new Line({ host: peer.host, port: peer.port(25) });
  const greeting = await line.reply();
  if (!greeting?.startsWith('220')) {
    seen.refused.push(greeting ?? 'no greeting');
    return undefined;
  }
  line.write('EHLO load.test\r\n');
  const answer = await line.reply();
  if (answer?.startsWith('250')) return line;
  seen.deferred.push(answer ?? 'closed');
  return undefined;
}

async function send(line: Line, to: string, id: string, seen: Seen): Promise<'accepted' | 'again'> {
  const step = async (text: string, code: string): Promise<boolean> => {
    line.write(text);
    const reply = await line.reply();
    if (reply?.startsWith(code)) return true;
    if (reply === undefined && code === '250' && text.endsWith('\r\n.\r\n')) seen.unsure.push(id);
    else seen.deferred.push(reply ?? 'closed');
    return false;
  };
  const done =
    (await step('MAIL FROM:<load@gamma.test>\r\n', '250')) &&
    (await step(`RCPT TO:<${to}>\r\n`, '250')) &&
    (await step('DATA\r\n', '354')) &&
    (await step(`Subject: ${id}\r\n\r\n${id}\r\n.\r\n`, '250'));
  return done ? 'accepted' : 'again';
}

/** Sends messages until told to stop; each until it is accepted. */
async function sender(
  name: string,
  keeps: boolean,
  setting: { peer: TestPeer; recipients: readonly string[]; seen: Seen; stopped: () => boolean },
): Promise<string[]> {
  const { peer, recipients, seen, stopped } = setting;
  const accepted: string[] = [];
  let line: Line | undefined;
  for (let n = 0; !stopped(); n++) {
    const id = `${name}-${n}`;
    const begun = performance.now();
    for (;;) {
      line ??= await open(peer, seen);
      const outcome =
        line === undefined ? 'again' : await send(line, recipients[n % recipients.length] ?? '', id, seen);
      if (outcome === 'again' || !keeps) {
        line?.close();
        line = undefined;
      }
      if (outcome === 'accepted') break;
    }
    accepted.push(id);
    seen.longestMs = Math.max(seen.longestMs, performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }
  line?.close();
  return accepted;
}

/** Sits in IDLE, and comes back whenever it hears BYE. */
async function idler(person: { peer: TestPeer; address: string }, seen: Seen, stopped: () => boolean): Promise<void> {
  while (!stopped()) {
    const line = new Line({ host: person.peer.host, port: person.peer.port(143) });
    const greeting = await line.next();
    if (!greeting?.startsWith('* OK')) {
      seen.refused.push(greeting ?? 'no greeting of IMAP');
      continue;
    }
    line.write(`a LOGIN ${person.address} "${person.peer.password}"\r\nb SELECT INBOX\r\nc IDLE\r\n`);
    const over = setInterval(() => stopped() && line.close(), 50);
    let bye = false;
    for (let text = await line.next(); text !== undefined; text = await line.next()) {
      if (text.startsWith('* BYE')) bye = true;
    }
    clearInterval(over);
    line.close();
    if (bye) seen.byes++;
    else if (!stopped()) seen.cutOff++;
  }
}

describe(`peerpost restart under load, ${ROUNDS} rounds, ${WORKERS} workers`, () => {
  let internet: Internet;
  before(async () => {
    internet = await startInternet({
      domains: { 'alpha.test': ['ann', 'ben', 'cat'], 'beta.test': ['bob'] },
      toml: `[workers]\nmta = ${WORKERS}\nmda = ${WORKERS}\nimap-gateway = ${WORKERS}\n[restart]\ndrain-time = "3s"`,
    });
    // Mail for another peer goes through the queue, whose lease changes hands too: aliases lead there, since strangers may not relay.
    await internet.peer('alpha.test').cli(['alias', 'add', 'far@alpha.test', 'bob@beta.test']);
  });
  after(() => internet?.close());

  test('nothing is refused, lost or doubled', { timeout: 300_000 }, async (t) => {
    const peer = internet.peer('alpha.test');
    const seen: Seen = { refused: [], unsure: [], deferred: [], longestMs: 0, cutOff: 0, byes: 0 };
    let over = false;
    const stopped = (): boolean => over;
    const recipients = ['ann@alpha.test', 'far@alpha.test', 'ben@alpha.test', 'cat@alpha.test'];
    const setting = { peer, recipients, seen, stopped };
    const senders = Array.from({ length: ONE_SHOT + KEEPING }, (_, i) => sender(`s${i}`, i >= ONE_SHOT, setting));
    const idlers = Array.from({ length: IDLERS }, () => idler({ peer, address: 'ann@alpha.test' }, seen, stopped));
    const restarts: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const begun = performance.now();
      const { code, stdout, stderr } = await peer.cli(['restart', '--json']);
      if (code !== 0) over = true;
      assert.equal(code, 0, `${stderr}${troubles(peer.log())}`);
      const { restarted } = JSON.parse(stdout) as { restarted: { name: string; pid: number; replaced: number }[] };
      assert.equal(restarted.length, 3 * WORKERS);
      assert.ok(restarted.every(({ pid, replaced }) => pid !== replaced));
      restarts.push(performance.now() - begun);
    }
    // The last ones drain.
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    over = true;
    const accepted = (await Promise.all(senders)).flat();
    await Promise.all(idlers);
    const copies = await collect(internet, accepted.length);
    const lost = accepted.filter((id) => !copies.has(id));
    const doubled = [...copies].filter(([, count]) => count > 1).map(([id]) => id);
    t.diagnostic(
      `${accepted.length} messages, ${ROUNDS} restarts of ${Math.round(Math.max(...restarts))} ms at most; refused ${seen.refused.length}, ` +
        `unanswered ${seen.unsure.length}, lost ${lost.length}, doubled ${doubled.length}; told to come back ${seen.deferred.length}; ` +
        `longest wait for a 250: ${Math.round(seen.longestMs)} ms; ${IDLERS} in IDLE: ${seen.byes} BYE, ${seen.cutOff} cut off`,
    );
    assert.deepEqual(seen.refused, []);
    assert.deepEqual(seen.unsure, []);
    assert.deepEqual(lost, []);
    assert.deepEqual(doubled, []);
    assert.ok(
      seen.deferred.every((reply) => reply.startsWith('421')),
      String(seen.deferred),
    );
    assert.equal(seen.cutOff, 0);
    assert.ok(seen.byes >= IDLERS * ROUNDS, 'each round sent everybody away once');
    assert.ok(seen.longestMs < 20_000);
    assert.equal(troubles(peer.log(), /"level":"error"/), '');
  });
});

/** Copies by subject in all mailboxes, once the queues are empty. */
async function collect(internet: Internet, count: number): Promise<Map<string, number>> {
  const copies = new Map<string, number>();
  const mailboxes = [
    ['ann', 'alpha.test'],
    ['ben', 'alpha.test'],
    ['cat', 'alpha.test'],
    ['bob', 'beta.test'],
  ] as const;
  const until = performance.now() + 60_000;
  for (;;) {
    const { stdout } = await internet.peer('alpha.test').cli(['status', '--json']);
    if ((JSON.parse(stdout) as { queue: { messages: number } }).queue.messages === 0) break;
    assert.ok(performance.now() < until, `the queue did not empty: ${stdout}`);
    await internet.peer('alpha.test').cli(['queue', 'retry', '--all']);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  for (const [name, domain] of mailboxes) {
    for (const source of await readMailbox({ peer: internet.peer(domain), address: `${name}@${domain}` }, 0)) {
      const id = /^Subject: (\S+)\r$/m.exec(source.toString('latin1'))?.[1] ?? '';
      copies.set(id, (copies.get(id) ?? 0) + 1);
    }
  }
  assert.ok(copies.size <= count);
  return copies;
}

/** Lines of the log that name trouble. */
function troubles(log: string, levels = /"level":"(error|warn)"/): string {
  return log
    .split('\n')
    .filter((line) => levels.test(line))
    .join('\n');
}
