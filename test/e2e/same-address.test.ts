/** A whole domain goes to another peer and its people keep their addresses, as `docs/moving.md` has it, while somebody writes to them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Account, fillMailbox, listMailbox } from '#test/interop/clients/mailbox.ts';
import { trialMessages } from '#test/interop/clients/messages.ts';
import { handIn } from '#test/interop/peers/submission.ts';
import { type Internet, startInternet } from '#test/support/internet.ts';
import { type Person, readMailbox, submit, withImap } from '#test/support/mail-client.ts';
import type { TestPeer } from '#test/support/system.ts';

const PEOPLE = ['anna', 'ben'] as const;
const OLD_MAIL = 60;

let internet: Internet;
let here: TestPeer;
let there: TestPeer;

before(async () => {
  internet = await startInternet({
    domains: { 'alpha.test': PEOPLE, 'beta.test': ['bob'], 'gamma.test': ['gil'] },
    also: { 'new.beta.test': 'beta.test' },
  });
  here = internet.peer('alpha.test');
  there = internet.peer('beta.test');
});
after(() => internet?.close());

test('a domain goes to another peer, its people keep their addresses, and no mail is refused', async () => {
  for (const name of PEOPLE)
    await fillMailbox(reader(here, `${name}@alpha.test`), 'INBOX', trialMessages(name, OLD_MAIL));
  const uids = (await listMailbox(reader(here, 'anna@alpha.test'), 'INBOX')).map(({ id, uid }) => [id, uid]);
  const letters = writer(
    internet.peer('gamma.test'),
    PEOPLE.map((name) => `${name}@alpha.test`),
  );

  await run(there, 'domain', 'add', 'new.beta.test');
  const { token } = JSON.parse(await run(there, 'token', 'add', 'move', '--scope', 'admin', '--json')) as {
    token: string;
  };
  const to = `https://${there.host}:${there.port(443)}`;
  for (const name of PEOPLE) {
    const args = ['account', 'move', `${name}@alpha.test`, '--to', to, '--as', `${name}@new.beta.test`];
    const moved = await here.cli([...args, '--token-stdin', '--insecure', '--json'], `${token}\n`);
    assert.equal(moved.code, 0, moved.stderr);
  }
  await letters.more(3);

  await run(there, 'domain', 'add', 'alpha.test', '--alias-of', 'new.beta.test');
  // People of the new peer write to them at once.
  await submit({ peer: there, address: 'bob@beta.test' }, { to: 'anna@alpha.test', subject: 'from bob' });
  await run(there, 'domain', 'rename', 'new.beta.test', 'alpha.test', '--alias');
  await letters.stop(3);

  // Who asks DNS anew comes here at once.
  const mx = { host: there.host, port: there.port(25) };
  const direct = 'From: gil@gamma.test\r\nTo: anna@alpha.test\r\nSubject: direct\r\n\r\nhello\r\n';
  await handIn(mx, { from: 'gil@gamma.test', to: ['anna@alpha.test'] }, Buffer.from(direct));
  // Among themselves they write as before.
  await submit({ peer: there, address: 'ben@alpha.test' }, { to: 'anna@alpha.test', subject: 'from ben' });

  for (const name of PEOPLE) {
    const expected = OLD_MAIL + letters.sent() + (name === 'anna' ? 3 : 0);
    const person = { peer: there, address: `${name}@alpha.test` };
    await readMailbox(person, expected);
    const subjects = (await subjectsOf(person)).filter((text) => text.startsWith('letter'));
    assert.equal(new Set(subjects).size, letters.sent(), 'nothing is lost');
    assert.equal(subjects.length, letters.sent(), 'nothing comes twice');
  }
  assert.deepEqual(
    await subjectsOf({ peer: internet.peer('gamma.test'), address: 'gil@gamma.test' }),
    [],
    'nothing bounced',
  );
  const now = new Map((await listMailbox(reader(there, 'anna@alpha.test'), 'INBOX')).map(({ id, uid }) => [id, uid]));
  for (const [id, uid] of uids) assert.equal(now.get(id as string), uid, 'clients keep their UIDs');
});

const reader = (peer: TestPeer, user: string): Account => ({
  host: peer.host,
  port: peer.port(143),
  user,
  password: peer.password,
});

async function run(peer: TestPeer, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await peer.cli(args);
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Gil writes one letter after the other. */
function writer(peer: TestPeer, to: readonly string[]) {
  let sent = 0;
  let left = Number.POSITIVE_INFINITY;
  let tell = (): void => undefined;
  const done = (async () => {
    while (left > 0) {
      await submit({ peer, address: 'gil@gamma.test' }, { to, subject: `letter ${sent}` });
      sent += 1;
      left -= 1;
      tell();
    }
  })();
  done.catch(() => tell());
  return {
    sent: () => sent,
    async more(count: number): Promise<void> {
      const enough = sent + count;
      while (sent < enough) await Promise.race([done, new Promise<void>((resolve) => (tell = resolve))]);
    },
    async stop(count: number): Promise<void> {
      left = count;
      await done;
    },
  };
}

async function subjectsOf(person: Person): Promise<string[]> {
  return await withImap(person, async (client) => {
    const lock = await client.getMailboxLock('INBOX');
    try {
      const all = await client.fetchAll('1:*', { envelope: true });
      return all.map(({ envelope }) => envelope?.subject ?? '');
    } finally {
      lock.release();
    }
  });
}
