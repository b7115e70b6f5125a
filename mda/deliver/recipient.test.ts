import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '#mail/address.ts';
import { MailError } from '#mail/failure.ts';
import type { Directory, Lookup } from '#store/directory.ts';
import { findRecipient } from './recipient.ts';

const alias = (...targets: string[]): Lookup => ({ kind: 'alias', targets: targets.map((text) => parseAddress(text)) });
const account = (id: string): Lookup => ({ kind: 'account', account: id, address: parseAddress(`${id}@x.test`) });

function directory(entries: Record<string, Lookup>): Directory {
  const lookup: Directory['lookup'] = async ({ localPart }) => entries[localPart] ?? { kind: 'unknown' };
  return { lookup } as unknown as Directory;
}

const find = (entries: Record<string, Lookup>, address: string) =>
  findRecipient(directory(entries), { address: parseAddress(address) });

test('an alias of aliases, in a circle, leads to each account once', async () => {
  const entries = {
    all: alias('b@x.test', 'more@x.test'),
    more: alias('c@x.test', 'b@x.test', 'all@x.test'),
    b: account('b'),
    c: account('c'),
  };
  const found = await find(entries, 'all@x.test');
  assert.deepEqual(
    found.targets.map((target) => target.account),
    ['b', 'c'],
  );
  assert.equal(found.sent, 'all@x.test');
});

test('whoever is not here is refused', async () => {
  const entries = { gone: alias('b@x.test', 'nobody@x.test'), b: account('b'), ring: alias('ring@x.test') };
  for (const address of ['nobody@x.test', 'gone@x.test', 'ring@x.test']) {
    await assert.rejects(
      find(entries, address),
      (error) => error instanceof MailError && error.failure === 'no-such-account',
    );
  }
});

test('the forward-path is kept as it was sent', async () => {
  const found = await find({ 'A b': account('b') }, '"A b"@X.test');
  assert.equal(found.sent, '"A b"@x.test');
});
