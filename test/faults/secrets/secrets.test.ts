/**
 * No secret reaches a log, a file or another one's answer (DESIGN §7): every login of every protocol, right, wrong and malformed, each with a password of its own, at a
 * peer that logs all it can; then everything that it has written is searched for them, in all forms.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { readTotpSecret } from '#store/totp.ts';
import { authenticatorCode } from '#test/support/second-factor.ts';
import { startTestPeer, type TestPeer } from '#test/support/system.ts';
import { IMAP, POP3, SMTP, say, type Talk } from './lines.ts';
import { Markers } from './markers.ts';

interface Got {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage['headers'];
}

type Ask = (method: string, path: string, headers?: Record<string, string>, body?: string | object) => Promise<Got>;

/** What a store has to keep as it is: it signs with it, or logs in elsewhere with it, until a job has ended. */
const KEPT = /^(?:the secret of a webhook|the password of an import)/;
const STORE = /\.sqlite(?:-wal|-shm)?$/;

describe('secrets', { concurrency: 1 }, () => {
  const markers = new Markers();
  let peer: TestPeer;
  let ask: Ask;
  /** What people were answered who had no business with it. */
  const said: string[] = [];

  before(async () => {
    peer = await startTestPeer({ domain: 'a.test', users: ['alice'], toml: '[log]\nlevel = "debug"' });
    ask = asker(peer);
  });
  after(() => peer.close());

  for (const [protocol, port, talks] of [
    ['IMAP', 143, IMAP],
    ['POP3', 110, POP3],
    ['submission', 587, SMTP],
    ['SMTP', 25, SMTP],
  ] as const) {
    test(`${protocol}: logins that fail`, { timeout: 240_000 }, async () => {
      await Promise.all(talks.map((talk: Talk) => one(talk, `${protocol} ${talk.name}`, port)));
    });
  }

  async function one(talk: Talk, what: string, port: number): Promise<void> {
    // Its own connection: IMAP repeats what it takes for a tag.
    await say(peer.port(port), peer.host, talk.lines(markers.make(what)));
  }

  test('logins that succeed', { timeout: 240_000 }, async () => {
    const password = markers.make('a password that is right');
    assert.equal((await peer.cli(['account', 'passwd', 'alice@a.test', '--password-stdin'], `${password}\n`)).code, 0);
    const plain = Buffer.from(`\0alice@a.test\0${password}`).toString('base64');
    const heard = await Promise.all([
      say(peer.port(143), peer.host, [`a LOGIN alice@a.test ${password}`, 'b LOGOUT']),
      say(peer.port(143), peer.host, [`a AUTHENTICATE PLAIN ${plain}`, `b LOGIN x ${password}`, 'c LOGOUT']),
      say(peer.port(110), peer.host, ['USER alice@a.test', `PASS ${password}`, 'QUIT']),
      say(peer.port(587), peer.host, ['EHLO x.test', `AUTH PLAIN ${plain}`, `AUTH PLAIN ${plain}`, 'QUIT']),
    ]);
    for (const [i, good] of [/a OK/, /a OK/, /\+OK \d+ messages|IN-USE|LOGIN-DELAY/, /235/].entries()) {
      assert.match(heard[i]!, good);
    }
    said.push(...heard);
  });

  test('REST: credentials, right, wrong and malformed', { timeout: 300_000 }, async () => {
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    const headers: [string, (secret: string) => Record<string, string>][] = [
      ['Basic', (s) => ({ authorization: basic(`alice@a.test:${s}`) })],
      ['Basic without colon', (s) => ({ authorization: basic(s) })],
      ['Basic, not base64', (s) => ({ authorization: `Basic alice:${s}` })],
      ['Basic in two words', (s) => ({ authorization: `Basic alice ${s}` })],
      ['no scheme', (s) => ({ authorization: s })],
      ['another scheme', (s) => ({ authorization: `Digest password="${s}"` })],
      ['Bearer', (s) => ({ authorization: `Bearer ${s}` })],
      ['Bearer like ours', (s) => ({ authorization: `Bearer pp_${s}` })],
      ['a cookie', (s) => ({ cookie: `peerpost=${s}; __Host-peerpost=${s}`, 'x-csrf-token': s })],
      ['a proxy’s', (s) => ({ 'proxy-authorization': basic(`x:${s}`) })],
    ];
    for (const [what, make] of headers) refused(await ask('GET', '/account', make(markers.make(what))), what);
    const bodies: [string, (secret: string) => string | object][] = [
      ['sign-in', (password) => ({ address: 'alice@a.test', password })],
      ['sign-in with an odd address', (password) => ({ address: password, password })],
      ['sign-in of another type', (password) => ({ address: 'alice@a.test', password: { password } })],
      ['sign-in with a list', (password) => ({ address: 'alice@a.test', password: [password] })],
      ['sign-in with too much', (password) => ({ address: 'alice@a.test', password: 'x', more: password })],
      ['sign-in with a long one', (password) => ({ address: 'alice@a.test', password: password.repeat(100) })],
      ['sign-in, broken JSON', (password) => `{"address":"alice@a.test","password":"${password}"`],
      ['sign-in, a form', (password) => `address=alice&password=${password}`],
      ['sign-in, text before JSON', (password) => `${password}{}`],
    ];
    for (const [what, make] of bodies) {
      refused(await ask('POST', '/session', {}, make(markers.make(what))), what);
    }
    for (const what of ['password', 'token', 'access_token']) {
      refused(await ask('GET', `/account?${what}=${markers.make(`?${what}=`)}`), what);
    }
  });

  function refused(got: Got, what: string): void {
    assert.ok(got.status >= 400 && got.status < 500, `${what}: ${got.status}`);
    said.push(got.text, JSON.stringify(got.headers));
  }

  test('REST: secrets that are made, changed and handed over', { timeout: 300_000 }, async () => {
    const password = markers.make('a password set anew');
    await peer.cli(['account', 'passwd', 'alice@a.test', '--password-stdin'], `${password}\n`);
    await peer.cli(['account', 'admin', 'alice@a.test', 'on'], '');
    const own = { authorization: `Basic ${Buffer.from(`alice@a.test:${password}`).toString('base64')}` };
    const signedIn = await ask('POST', '/session', {}, { address: 'alice@a.test', password });
    assert.equal(signedIn.status, 201, signedIn.text);
    markers.add(/peerpost=([^;]+)/.exec(String(signedIn.headers['set-cookie']))![1]!, 'a cookie');
    const token = await ask('POST', '/account/tokens', own, { name: 'x', scopes: ['mail:read'] });
    assert.equal(token.status, 201, token.text);
    const bearer = String(JSON.parse(token.text).token);
    markers.add(bearer, 'a token');
    assert.equal((await ask('GET', '/messages', { authorization: `Bearer ${bearer}` })).status, 200);
    const app = await ask('POST', '/account/app-passwords', own, { name: 'phone' });
    assert.equal(app.status, 201, app.text);
    const appPassword = String(JSON.parse(app.text).password);
    markers.add(appPassword, 'an app password');
    markers.add(appPassword.replaceAll(/[- ]/g, ''), 'an app password without hyphens');
    said.push(await say(peer.port(143), peer.host, [`a LOGIN alice@a.test ${appPassword}`, 'b LOGOUT']));
    const hook = await ask('POST', '/webhooks', own, { url: 'https://hooks.example.org/x' });
    assert.equal(hook.status, 201, hook.text);
    const { secret, id } = JSON.parse(hook.text);
    markers.add(String(secret), 'the secret of a webhook');
    markers.add(String(secret).replace('whsec_', ''), 'the secret of a webhook, bare');
    said.push((await ask('GET', `/webhooks/${id}`, own)).text, (await ask('POST', `/webhooks/${id}/test`, own)).text);

    const account = JSON.parse((await ask('GET', '/account', own)).text).id;
    const from = { host: peer.host, port: peer.port(143), secure: false, user: 'bob@a.test' };
    for (const [what, more] of [
      ['by REST', { from }],
      ['by REST, another type', { from: [from] }],
      ['by REST, no server', { from: { ...from, host: 'nowhere.invalid' } }],
    ] as const) {
      const body = { ...more, password: markers.make(`the password of an import ${what}`) };
      said.push((await ask('POST', `/admin/accounts/${account}/imports`, own, body)).text);
    }
    said.push((await ask('GET', '/admin/jobs', own)).text);

    const next = markers.make('a password set by REST');
    const wrong = { current: markers.make('a present password that is wrong'), password: next };
    said.push((await ask('PUT', '/account/password', own, wrong)).text);
    const malformed = { current: password, password: [markers.make('a new password that is none')] };
    said.push((await ask('PUT', '/account/password', own, malformed)).text);
    assert.equal((await ask('PUT', '/account/password', own, { current: password, password: next })).status, 204);
    said.push((await ask('GET', '/account/tokens', own)).text);
  });

  test('transfers', { timeout: 300_000 }, async () => {
    const password = markers.make('the password of an import');
    const token = markers.make('the password of an import, as a token');
    const from = `imap://alice@${peer.host}:${peer.port(143)}`;
    const bad = `imap://alice:${markers.make('the password of an import, in the URL')}@${peer.host}`;
    const to = ['--to', `https://${peer.host}:${peer.port(443)}`, '--token-stdin'];
    for (const [args, input] of [
      [['account', 'import', 'alice@a.test', '--from', from, '--password-stdin'], password],
      [['account', 'import', 'alice@a.test', '--from', from, '--password-stdin', '--insecure'], password],
      [['account', 'import', 'alice@a.test', '--from', from, '--token-stdin', '--insecure'], token],
      [['account', 'import', 'alice@a.test', '--from', bad, '--password-stdin'], password],
      [['account', 'move', 'alice@a.test', ...to, '--insecure'], markers.make('the token of a move')],
      [['account', 'move', 'alice@a.test', ...to], markers.make('the token of a move, certificate refused')],
    ] as const) {
      const { code, stdout, stderr } = await peer.cli(args, `${input}\n`);
      assert.notEqual(code, 0, args.join(' '));
      // What was typed into a URL may be shown to who typed it, and to nobody else.
      if (!args.includes(bad)) said.push(stdout, stderr);
    }
  });

  test('commands', { timeout: 300_000 }, async () => {
    const give = (what: string): string => `${markers.make(what)}\n`;
    const run = async (args: readonly string[], input: string): Promise<void> => {
      const { stdout, stderr } = await peer.cli(args, input);
      said.push(stdout, stderr);
    };
    await run(['account', 'add', 'bob@a.test', '--password-stdin'], give('account add'));
    await run(['account', 'add', 'bob@a.test', '--password-stdin'], give('account add, twice'));
    await run(['account', 'add', 'eve@nowhere.test', '--password-stdin', '--json'], give('account add, no domain'));
    await run(['account', 'add', '--stdin'], `carol@a.test\t${give('account add --stdin')}`);
    await run(['account', 'add', '--stdin'], `carol@a.test ${give('account add --stdin, no tab')}`);
    await run(['account', 'passwd', 'nobody@a.test', '--password-stdin'], give('account passwd, nobody'));
    const app = await peer.cli(['app-password', 'add', 'bob@a.test', 'phone', '--json']);
    if (app.code === 0) markers.add(String(JSON.parse(app.stdout).password), 'app-password add');
    for (const list of ['account', 'audit', 'session', 'app-password'] as const) {
      await run([list, 'list', ...(list === 'app-password' ? ['bob@a.test'] : []), '--json'], '');
    }
    await run(['settings', 'export'], '');
    await run(['status', '--json'], '');
  });

  test('a second factor', { timeout: 300_000 }, async () => {
    const password = markers.make('a password beside a second factor');
    const dave = 'dave@a.test';
    assert.equal((await peer.cli(['account', 'add', dave, '--password-stdin'], `${password}\n`)).code, 0);
    await peer.cli(['account', 'admin', dave, 'on'], '');
    const enter = (code?: string): Promise<Got> =>
      ask('POST', '/session', {}, { address: dave, password, ...(code !== undefined && { code }) });
    const keep = (got: Got): Got => {
      said.push(got.text);
      return got;
    };
    const session = await enter();
    const cookie = String(session.headers['set-cookie']).split(';', 1).join();
    markers.add(cookie.slice(cookie.indexOf('=') + 1), 'a cookie beside a second factor');
    const own = { cookie, 'x-csrf-token': String(JSON.parse(session.text).csrf) };
    const path = '/account/second-factor';
    const secret = String(JSON.parse((await ask('POST', path, own)).text).secret);
    const octets = Buffer.from(readTotpSecret(secret)!);
    markers.add(secret, 'the secret of a second factor');
    for (const form of ['hex', 'base64url'] as const) markers.add(octets.toString(form), `the same, ${form}`);
    markers.add(secret.replace(/.{4}(?=.)/g, '$& '), 'the same in groups');
    // The code before, so that the present one is still good for the sign-in below.
    const code = (drift: number): string => authenticatorCode(secret, Date.now(), drift);
    keep(await ask('PUT', path, own, { secret, code: code(5), password }));
    keep(await ask('PUT', path, own, { secret, code: 1, password }));
    keep(await ask('PUT', path, own, { secret: `${secret}2`, code: code(0), password }));
    let on = await ask('PUT', path, own, { secret, code: code(-1), password });
    // The moment between two codes.
    if (on.status === 400) on = await ask('PUT', path, own, { secret, code: code(-1), password });
    assert.equal(on.status, 200, on.text);
    const codes = JSON.parse(on.text).recoveryCodes as string[];
    for (const text of codes) {
      markers.add(text, 'a recovery code');
      markers.add(text.replaceAll('-', ''), 'a recovery code without hyphens');
    }
    keep(await enter());
    keep(await enter(codes[0]));
    keep(await enter(codes[0]));
    keep(await enter(markers.make('a recovery code that is none')));
    keep(await ask('POST', '/session', {}, { address: dave, password, code: [codes[1]] }));
    assert.equal(keep(await enter(code(1))).status, 201);
    keep(await ask('DELETE', path, own, { password, code: markers.make('a code that is none') }));
    const renewed = await ask('POST', `${path}/recovery-codes`, own, { password, code: codes[2] });
    assert.equal(renewed.status, 200, renewed.text);
    for (const text of JSON.parse(renewed.text).recoveryCodes as string[]) markers.add(text, 'a new recovery code');
    for (const where of [path, '/account', '/session', '/admin/accounts', '/admin/audit', '/admin/settings']) {
      assert.equal(keep(await ask('GET', where, own)).status, 200, where);
    }
    keep(await ask('GET', `/admin/accounts/${dave}`, own));
    said.push(await say(peer.port(143), peer.host, [`a LOGIN ${dave} ${password}`, 'b LOGOUT']));
    for (const args of [
      ['account', 'second-factor', dave],
      ['account', 'show', dave],
      ['audit', 'list'],
      ['settings', 'export'],
    ]) {
      const { stdout, stderr } = await peer.cli([...args, '--json'], '');
      said.push(stdout, stderr);
    }
  });

  test('nothing of it is in the log, in a file, or in an answer', async (t) => {
    await peer.stop();
    const log = peer.log();
    assert.match(log, /a login failed|login failed/);
    assert.match(log, /"level":"debug"|DEBUG/);
    assert.deepEqual(markers.in(log), [], 'the log');
    assert.deepEqual(markers.in(said.join('\n')), [], 'answers');
    assert.deepEqual(
      await markers.inFiles(peer.data, (path, what) => STORE.test(path) && KEPT.test(what)),
      [],
      'files',
    );
    t.diagnostic(`${markers.size} secrets, ${log.length} characters of log, ${said.length} answers`);
  });
});

function asker(peer: TestPeer): Ask {
  return async (method, path, headers = {}, body) => {
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    // Node sends no length with a DELETE by itself, and what follows is no request then.
    const length = String(Buffer.byteLength(text ?? ''));
    const type = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': length };
    const sent = httpRequest({
      host: peer.host,
      port: peer.port(80),
      method,
      path: `/api/v1${path}`,
      headers: { ...type, ...headers },
    });
    sent.end(text);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    let got = '';
    for await (const chunk of answer.setEncoding('utf8')) got += String(chunk);
    return { status: answer.statusCode ?? 0, text: got, headers: answer.headers };
  };
}
