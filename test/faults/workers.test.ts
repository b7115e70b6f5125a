/** Several workers of each program: what they do together must look as if one did it. Everything here is over real processes, with 2 and with 4 of each. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Internet, startInternet } from '#test/support/internet.ts';
import { Line } from '#test/support/line.ts';
import { readMailbox, submit, withImap } from '#test/support/mail-client.ts';
import type { TestPeer } from '#test/support/system.ts';

const CONNECTIONS = 12;
const FAILURES = 3;
const MESSAGES = 20;

interface ProgramStatus {
  readonly name: string;
  readonly pid: number;
  readonly connections: number;
  readonly serves: readonly string[];
}

async function programs(peer: TestPeer, name: string): Promise<ProgramStatus[]> {
  const { stdout } = await peer.cli(['status', '--json']);
  return (JSON.parse(stdout) as { programs: ProgramStatus[] }).programs.filter((one) => one.name === name);
}

/** A series' value; 0 when there is none. */
async function figure(peer: TestPeer, series: string): Promise<number> {
  const text = await (await fetch(`http://${peer.host}:${peer.port(9100)}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length) ?? 0);
}

/** Counters empty themselves from one minute to the next: so much time is left in this one when it resolves. */
async function withinMinute(ms: number): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < ms) await new Promise((resolve) => setTimeout(resolve, left));
}

/** What was tried while the MDA changed hands is tried again now, and not in minutes. */
async function emptyQueue(peer: TestPeer): Promise<void> {
  for (;;) {
    const { stdout } = await peer.cli(['status', '--json']);
    if ((JSON.parse(stdout) as { queue: { messages: number } }).queue.messages === 0) return;
    await peer.cli(['queue', 'retry', '--all']);
  }
}

for (const workers of [2, 4]) {
  describe(`${workers} workers of each program`, { timeout: 600_000 }, () => {
    let internet: Internet;
    let alpha: TestPeer;
    const lines: Line[] = [];
    const line = (standard: number, localAddress: string): Line => {
      const made = new Line({ host: alpha.host, port: alpha.port(standard), localAddress });
      lines.push(made);
      return made;
    };
    before(async () => {
      internet = await startInternet({
        domains: { 'alpha.test': ['ann', 'ben', 'cat', 'dan'], 'beta.test': ['bob'] },
        toml: `[workers]\nmta = ${workers}\nmda = ${workers}\nimap-gateway = ${workers}
[store]\nshards = 4
[limits]\nexempt-networks = []\nconnections-per-address = ${CONNECTIONS}\nauth-failures-per-minute = ${FAILURES}\nmessages-per-minute-per-address = ${MESSAGES}`,
      });
      alpha = internet.peer('alpha.test');
    });
    after(async () => {
      for (const each of lines) each.close();
      await internet?.close();
    });

    test('the shards are dealt out among the workers, and each socket has one server', async () => {
      const all = ['directory', 'store-0', 'store-1', 'store-2', 'store-3'];
      let serves: (readonly string[])[] = [];
      // A worker is ready without its leases.
      while (serves.flat().length < all.length) serves = (await programs(alpha, 'mda')).map((one) => one.serves);
      assert.deepEqual(new Set(serves.flat()), new Set(all));
      assert.equal(serves.flat().length, all.length);
      for (const each of serves) assert.equal(each.filter((name) => name.startsWith('store-')).length, 4 / workers);
    });

    test('mail comes in by all workers and leaves by the one that has the queue', async () => {
      await Promise.all(
        Array.from({ length: 4 * workers }, async (_, n) => {
          const session = line(25, `127.2.${workers}.${n + 1}`);
          assert.match((await session.reply()) ?? '', /^220/);
          assert.match((await session.ask('EHLO load.test')) ?? '', /^250/);
          assert.match((await session.ask('MAIL FROM:<a@load.test>')) ?? '', /^250/);
          const to = ['ann', 'ben', 'cat', 'dan'][n % 4];
          assert.match((await session.ask(`RCPT TO:<${to}@alpha.test>`)) ?? '', /^250/);
          assert.match((await session.ask('DATA')) ?? '', /^354/);
          assert.match((await session.ask(`Subject: n${n}\r\n\r\nhello\r\n.`)) ?? '', /^250/);
        }),
      );
      const busy = await programs(alpha, 'mta');
      assert.ok(
        busy.every(({ connections }) => connections >= 4),
        JSON.stringify(busy),
      );
      for (const each of lines.splice(0)) each.close();
      for (const name of ['ann', 'ben', 'cat', 'dan']) {
        assert.equal((await readMailbox({ peer: alpha, address: `${name}@alpha.test` }, workers)).length, workers);
      }
      await submit({ peer: alpha, address: 'ann@alpha.test' }, { to: 'bob@beta.test', subject: 'out' });
      assert.equal((await readMailbox({ peer: internet.peer('beta.test'), address: 'bob@beta.test' }, 1)).length, 1);
    });

    test('sessions on all workers see a change at once', async (t) => {
      const idlers = await Promise.all(
        Array.from({ length: 2 * workers }, async (_, n) => {
          const session = line(143, `127.3.${workers}.${n + 1}`);
          session.write(`a LOGIN ben@alpha.test "${alpha.password}"\r\nb SELECT INBOX\r\nc IDLE\r\n`);
          assert.ok(await session.until(/^\+ /));
          return session;
        }),
      );
      const spread = await programs(alpha, 'imap-gateway');
      assert.ok(
        spread.every(({ connections }) => connections >= 2),
        JSON.stringify(spread),
      );
      const begun = performance.now();
      await withImap({ peer: alpha, address: 'ben@alpha.test' }, async (client) => {
        await client.mailboxOpen('INBOX');
        await client.messageFlagsAdd('1', ['\\Flagged']);
        await Promise.all(idlers.map((session) => session.until(/^\* 1 FETCH .*\\Flagged/)));
        t.diagnostic(
          `${idlers.length} sessions on ${workers} workers knew after ${Math.round(performance.now() - begun)} ms`,
        );
        await client.append('INBOX', 'Subject: new\r\n\r\nnew\r\n');
        await Promise.all(idlers.map((session) => session.until(new RegExp(`^\\* ${workers + 1} EXISTS`))));
      });
      for (const each of lines.splice(0)) each.close();
    });

    test('connections from one address count over all workers', async () => {
      for (const [port, welcome, refusal] of [
        [25, /^220/, /^421/],
        [143, /^\* OK/, /^\* BYE/],
      ] as const) {
        const from = `127.4.${workers}.${port}`;
        for (let n = 0; n < CONNECTIONS; n++) assert.match((await line(port, from).reply()) ?? '', welcome);
        for (let n = 0; n < workers; n++) assert.match((await line(port, from).reply()) ?? '', refusal);
        const { length } = lines;
        lines[length - workers - 1]?.close();
        // The place is free once the worker has heard of it.
        for (let greeting = ''; !welcome.test(greeting); ) greeting = (await line(port, from).reply()) ?? '';
        for (const each of lines.splice(0)) each.close();
      }
    });

    test('messages a minute from one address count over all workers', async () => {
      await withinMinute(15_000);
      const from = `127.6.${workers}.1`;
      const sessions = Array.from({ length: workers }, () => line(25, from));
      for (const session of sessions) {
        await session.reply();
        await session.ask('EHLO x.test');
      }
      const codes: string[] = [];
      for (let n = 0; n < MESSAGES + 2 * workers; n++) {
        const session = sessions[n % workers];
        codes.push((await session?.ask('MAIL FROM:<a@load.test>'))?.slice(0, 3) ?? '');
        await session?.ask('RSET');
      }
      assert.deepEqual(codes, [
        ...Array.from({ length: MESSAGES }, () => '250'),
        ...Array.from({ length: 2 * workers }, () => '450'),
      ]);
      for (const each of lines.splice(0)) each.close();
    });

    test('failed logins count over all workers and protocols, by address and by name', async () => {
      const plain = (name: string, password: string): string =>
        Buffer.from(`\0${name}\0${password}`).toString('base64');
      const bySmtp = async (from: string, name: string, password: string): Promise<string> => {
        const session = line(587, from);
        await session.reply();
        await session.ask('EHLO x.test');
        return (await session.ask(`AUTH PLAIN ${plain(name, password)}`)) ?? '';
      };
      const byImap = async (from: string, name: string, password: string): Promise<string> => {
        const session = line(143, from);
        session.write(`a LOGIN ${name} "${password}"\r\n`);
        return (await session.until(/^a /)) ?? '';
      };
      const at = (n: number): string => `127.5.${workers}.${n}`;
      await withinMinute(30_000);
      assert.match(await bySmtp(at(9), 'dan@alpha.test', alpha.password), /^235/);
      // One address, several names.
      assert.match(await bySmtp(at(1), 'x@alpha.test', 'wrong'), /^535/);
      assert.match(await byImap(at(1), 'y@alpha.test', 'wrong'), /^a NO/);
      assert.match(await bySmtp(at(1), 'z@alpha.test', 'wrong'), /^535/);
      for (let n = 0; n < workers; n++) {
        assert.match(await bySmtp(at(1), 'cat@alpha.test', alpha.password), /^454/);
        assert.match(await byImap(at(1), 'cat@alpha.test', alpha.password), /^a NO \[LIMIT\]/);
      }
      assert.match(await byImap(at(2), 'cat@alpha.test', alpha.password), /^a OK/);
      // One name, several addresses.
      assert.match(await bySmtp(at(3), 'dan@alpha.test', 'wrong'), /^535/);
      assert.match(await byImap(at(4), 'dan@alpha.test', 'wrong'), /^a NO/);
      assert.match(await byImap(at(5), 'DAN@alpha.test', 'wrong'), /^a NO/);
      for (let n = 0; n < workers; n++) {
        assert.match(await bySmtp(at(10 + n), 'dan@alpha.test', alpha.password), /^454/);
        assert.match(await byImap(at(10 + n), 'dan@alpha.test', alpha.password), /^a NO \[LIMIT\]/);
      }
      assert.match(
        await byImap(at(9), 'dan@alpha.test', alpha.password),
        /^a OK/,
        'known here: not locked out by others',
      );
      const failed = 'peerpost_logins_total{program="imap-gateway",result="failed"}';
      assert.equal(await figure(alpha, failed), 3);
      for (const each of lines.splice(0)) each.close();
    });

    test('kill -9 of the workers that hold the queue and a shard loses nothing, and others take over', async () => {
      const accepted = 'peerpost_smtp_messages_total{listener="submissions",outcome="accepted",reason="none"}';
      const before = await figure(alpha, accepted);
      const holderOf = async (program: string, socket: string): Promise<number> => {
        for (;;) {
          const holder = (await programs(alpha, program)).find(({ serves }) => serves.includes(socket));
          if (holder !== undefined) return holder.pid;
        }
      };
      for (const [program, socket] of [
        ['mta', 'queue'],
        ['mda', 'store-1'],
      ] as const) {
        const victim = await holderOf(program, socket);
        process.kill(victim, 'SIGKILL');
        assert.notEqual(await holderOf(program, socket), victim);
      }
      await submit(
        { peer: alpha, address: 'cat@alpha.test' },
        { to: ['bob@beta.test', 'ann@alpha.test'], subject: 'after' },
      );
      await emptyQueue(alpha);
      assert.equal((await readMailbox({ peer: internet.peer('beta.test'), address: 'bob@beta.test' }, 2)).length, 2);
      assert.equal((await readMailbox({ peer: alpha, address: 'ann@alpha.test' }, workers + 1)).length, workers + 1);
      for (const name of ['ben', 'cat', 'dan'])
        await readMailbox({ peer: alpha, address: `${name}@alpha.test` }, workers);
      assert.ok((await figure(alpha, accepted)) > 0 && before > 0);
    });
  });
}
