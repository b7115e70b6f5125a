/** The second factor at a running peer with two workers of the gateway: each code counts once in both together, guesses are bounded in both together, and no other protocol takes the password. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { TOTP_PERIOD_MS } from '#store/totp.ts';
import { authenticatorCode } from '#test/support/second-factor.ts';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';
import { ImapWire } from '#test/support/wire.ts';
import { say } from '../faults/secrets/lines.ts';

const ALICE = 'alice@a.test';
const PATH = '/account/second-factor';
/** At the same moment, each over a connection of its own. */
const AT_ONCE = 12;

describe('a second factor, with two workers of the gateway', { timeout: 240_000, concurrency: 1 }, () => {
  let peer: TestPeer;
  let secret = '';
  let recoveryCodes: readonly string[] = [];
  before(async () => {
    peer = await startTestPeer({ domain: 'a.test', users: ['alice', 'bob'], toml: '[workers]\nimap-gateway = 2' });
  });
  after(() => peer?.close());

  interface Got {
    readonly status: number;
    // biome-ignore lint/suspicious/noExplicitAny: tests look at any shape.
    readonly json: any;
    readonly cookie: string;
  }

  async function ask(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Got> {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const where = { host: peer.host, port: peer.port(80), path: `/api/v1${path}` };
    // Without an agent each has a connection of its own, and those are dealt out to the workers.
    const sent = request({ ...where, method, agent: false, headers: { ...type, ...headers } });
    sent.end(body && JSON.stringify(body));
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
    const cookie = String(answer.headers['set-cookie'] ?? '').split(';', 1)[0] ?? '';
    return { status: answer.statusCode ?? 0, json: text === '' ? undefined : JSON.parse(text), cookie };
  }
  const signIn = (code?: string): Promise<Got> =>
    ask('POST', '/session', { address: ALICE, password: peer.password, ...(code !== undefined && { code }) });
  const together = async (code: (n: number) => string): Promise<number[]> =>
    (await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => signIn(code(n))))).map(({ status }) => status);
  const code = async (drift: number): Promise<string> => {
    const left = TOTP_PERIOD_MS - (Date.now() % TOTP_PERIOD_MS);
    // It is still that when it arrives.
    if (left < 5_000) await new Promise((resolve) => setTimeout(resolve, left));
    return authenticatorCode(secret, Date.now(), drift);
  };

  test('turning it on ends what the password has opened', async () => {
    const [here, there] = [await signIn(), await signIn()];
    const mail = await ImapWire.open(peer.host, peer.port(143), ALICE, peer.password);
    const headers = { cookie: here.cookie, 'x-csrf-token': String(here.json.csrf) };
    secret = (await ask('POST', PATH, undefined, headers)).json.secret;
    const on = await ask('PUT', PATH, { secret, code: await code(-1), password: peer.password }, headers);
    assert.equal(on.status, 200, JSON.stringify(on.json));
    ({ recoveryCodes } = on.json);
    await assert.rejects(async () => {
      for (;;) await mail.ask('NOOP');
    });
    assert.equal((await ask('GET', '/session', undefined, { cookie: here.cookie })).status, 200);
    assert.equal((await ask('GET', '/session', undefined, { cookie: there.cookie })).status, 401);
  });

  test('a code counts once in both workers together, and so does a recovery code', async () => {
    assert.equal((await signIn()).json.code, 'second-factor-required');
    const right = await code(0);
    const codes = await together(() => right);
    assert.equal(codes.filter((status) => status === 201).length, 1, codes.join());
    const recovery = await together(() => recoveryCodes[0] ?? '');
    assert.equal(recovery.filter((status) => status === 201).length, 1, recovery.join());
    assert.ok(recovery.every((status) => status === 201 || status === 401));
  });

  test('no other protocol takes the password, in the words for a wrong one; app passwords are taken', async () => {
    const made = await peer.cli(['app-password', 'add', ALICE, 'phone', '--json']);
    const app = String(JSON.parse(made.stdout).password);
    const plain = (password: string): string => Buffer.from(`\0${ALICE}\0${password}`).toString('base64');
    const ways: readonly [number, (password: string) => readonly string[], RegExp][] = [
      [143, (password) => [`a LOGIN ${ALICE} "${password}"`, 'b LOGOUT'], /^a OK/m],
      [110, (password) => [`USER ${ALICE}`, `PASS ${password}`, 'QUIT'], /^\+OK \d+ messages/m],
      [587, (password) => ['EHLO x.test', `AUTH PLAIN ${plain(password)}`, 'QUIT'], /^235/m],
    ];
    for (const [port, lines, good] of ways) {
      const heard = async (password: string): Promise<string> => say(peer.port(port), peer.host, lines(password));
      const [own, wrong] = [await heard(peer.password), await heard('wrong password')];
      // Greetings and times aside.
      const told = (text: string): string[] => text.split('\r\n').filter((line) => /^(a NO|-ERR|535)/.test(line));
      assert.doesNotMatch(own, good, `${port}`);
      assert.ok(told(own).length > 0, own);
      assert.deepEqual(told(own), told(wrong), `${port}`);
      assert.match(await heard(app), good, `${port}`);
    }
    const basic = { authorization: `Basic ${Buffer.from(`${ALICE}:${peer.password}`).toString('base64')}` };
    const [own, wrong] = [
      await ask('GET', '/account', undefined, basic),
      await ask('GET', '/account', undefined, { authorization: `Basic ${btoa(`${ALICE}:wrong`)}` }),
    ];
    assert.deepEqual([own.status, own.json.detail], [wrong.status, wrong.json.detail]);
    assert.match(peer.log(), /the account has a second factor: it takes app passwords alone/);
  });

  test('guesses at both workers together are bounded by account', async () => {
    const looked: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      looked.push(...(await together((n) => String(100_000 * (round + 1) + n))));
    }
    const wrong = looked.filter((status) => status === 401).length;
    assert.ok(wrong <= 10 && looked.every((status) => status === 401 || status === 429), looked.join());
    assert.equal((await signIn(recoveryCodes[1])).status, 201, 'a recovery code still opens');
  });

  test('the command tells and removes it, and both stand in the audit log', async () => {
    const command = async (...args: string[]): Promise<unknown> => {
      const { code: exit, stdout, stderr } = await peer.cli([...args, '--json']);
      assert.equal(exit, 0, stderr);
      return JSON.parse(stdout);
    };
    assert.deepEqual(await command('account', 'second-factor', ALICE), {
      address: ALICE,
      enabled: true,
      recoveryCodes: 8,
    });
    assert.deepEqual(await command('account', 'second-factor', ALICE, '--remove'), {
      address: ALICE,
      enabled: false,
      recoveryCodes: 0,
    });
    assert.equal((await signIn()).status, 201);
    const { items } = (await command('audit', 'list', '--target', ALICE)) as {
      items: { act: string; actor: string }[];
    };
    const acts = items.map(({ act, actor }) => `${act} by ${actor}`);
    for (const expected of [
      `enable-second-factor by ${ALICE}`,
      `use-recovery-code by ${ALICE}`,
      'remove-second-factor by cli',
    ])
      assert.ok(acts.includes(expected), acts.join());
    assert.ok(!peer.log().includes(secret) && !recoveryCodes.some((one) => peer.log().includes(one)));
  });
});
