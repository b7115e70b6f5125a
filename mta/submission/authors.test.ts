import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '#mail/address.ts';
import { type AuthorRule, authorsOf, checkAuthors, signingDomain } from './authors.ts';

const OWN = new Set(['eve@beta.test', 'e.ve@beta.test', 'jörg@beta.test']);
const directory = {
  maySendAs: async (_account: string, address: Parameters<typeof formatAddress>[0]) => OWN.has(formatAddress(address)),
  isLocalDomain: async (domain: string) => domain === 'beta.test' || domain === 'xn--bchle-gra.test',
};
const login = { account: 'eve', address: 'eve@beta.test' };
const check = (header: string, rule: AuthorRule = 'local') =>
  checkAuthors(directory, login, authorsOf(Buffer.from(header).toString('latin1')), rule);

for (const header of [
  'From: boss@beta.test',
  'FROM : "The boss" <boss@beta.test>',
  'From: eve@beta.test, boss@beta.test',
  'From: eve@beta.test; boss@beta.test',
  'From: us: eve@beta.test, boss@beta.test;',
  'From: eve@beta.test\r\nSubject: x\r\nFrom: boss@beta.test',
  'From: eve@beta.test\r\nSender: boss@beta.test',
  'From:\r\n boss\r\n @beta.test',
  'From: boss(of us)@(here)beta.test',
  'From: "boss"@beta.test',
  'From: boss@BETA.Test.',
  'From: boss@bächle.test',
  'From: boss@xn--bchle-gra.test',
  'From: böss@beta.test',
  'From: b..oss@beta.test',
  `From: ${'b'.repeat(70)}@beta.test`,
  'From: @relay.test:boss@beta.test',
  // What some read as one address, and others as the other.
  'From: <eve@beta.test> <boss@beta.test>',
  'From: boss@beta.test <eve@beta.test>',
  'From: <eve@beta.test>, <boss@beta.test',
  'From: eve@beta.test boss@beta.test',
  'From: "eve" <boss@beta.test>@far.test',
  // Encoded where nothing may be: shown decoded, up to the control.
  'From: =?utf-8?Q?boss=40beta.test=00?=@far.test',
  'From: =?utf-8?B?Ym9zc0BiZXRhLnRlc3Q=?=',
]) {
  test(`refused: ${JSON.stringify(header).slice(0, 70)}`, async () => {
    await assert.rejects(check(`${header}\r\n`), {
      failure: 'not-permitted',
      message: /^You may not write as [^\r\n]+$/,
    });
    await check(`${header}\r\n`, 'any');
  });
}

for (const header of [
  'From: eve@beta.test',
  'From: =?utf-8?Q?Eve?= <eve@beta.test>',
  'From: "boss@beta.test" <eve@beta.test>',
  'From: Eve (not boss@beta.test) <eve@beta.test>',
  'From: jörg@beta.test',
  'From: "e.ve"@beta.test',
  'From: me@private.example',
  'From: undisclosed:;',
  'From:',
  'Subject: From boss@beta.test',
  'Resent-From: boss@beta.test',
]) {
  test(`taken: ${header}`, () => check(`${header}\r\n`));
}

test('`own` takes nobody from elsewhere', async () => {
  await check('From: eve@beta.test\r\n', 'own');
  await assert.rejects(check('From: me@private.example\r\n', 'own'), { failure: 'not-permitted' });
});

test('hostile fields stay cheap, and thousands of authors are refused', () => {
  for (const part of ['a', '@', '<', '(', '"', '\\', 'a@', '=?utf-8?Q?', ', ', 'a@b,']) {
    const began = process.cpuUsage();
    try {
      authorsOf(`From: ${part.repeat(250_000 / part.length)}\r\n`);
    } catch (error) {
      assert.equal((error as { failure?: string }).failure, 'rejected');
    }
    const { user, system } = process.cpuUsage(began);
    assert.ok(user + system < 2_000_000, `${part}: ${user + system} µs`);
  }
  const many = Array.from({ length: 200 }, (_, i) => `u${i}@far.test`).join(', ');
  assert.throws(() => authorsOf(`From: ${many}\r\n`), { failure: 'rejected' });
});

for (const [header, rule, expected] of [
  ['From: eve@beta.test', 'local', 'beta.test'],
  ['FROM: Eve <eve@BETA.Test>\r\nSender: me@private.example', 'local', 'beta.test'],
  ['From: us: "e.ve"@beta.test, me@private.example;', 'own', 'beta.test'],
  ['From: jörg@beta.test', 'local', 'beta.test'],
  ['From: me@private.example, eve@beta.test', 'local', undefined],
  ['From: undisclosed:;', 'local', undefined],
  ['Subject: eve@beta.test', 'local', undefined],
  // Only in one's own name does the domain vouch for what is written.
  ['From: eve@beta.test', 'any', 'beta.test'],
  ['From: boss@beta.test', 'any', undefined],
] as const) {
  test(`signed by ${expected}: ${header} (${rule})`, async () => {
    const text = Buffer.from(`${header}\r\n`).toString('latin1');
    assert.equal(await signingDomain(directory, login, text, rule), expected);
  });
}
