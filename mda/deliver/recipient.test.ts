import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '#mail/address.ts';
import { MailError } from '#mail/failure.ts';
import type { Directory, Lookup } from '#store/directory.ts';
import { findRecipient } from './recipient.ts';

const alias = (...targets: string[]): Lookup => ({ kind: 'alias', targets: targets.map((text) => parseAddress(text)) });
const account = (id: string): Lookup => ({ kind: 'account', account: id, address: parseAddress(`${id}@x.test`) });
const forwarding = (id: string, keep: boolean, ...targets: string[]): Lookup => ({
  ...(account(id) as Extract<Lookup, { kind: 'account' }>),
  forward: { targets: targets.map((text) => parseAddress(text)), keep },
});

function directory(entries: Record<string, Lookup>): Directory {
  const lookup: Directory['lookup'] = async ({ localPart, domain }) =>
    domain === 'x.test' || domain === 'X.test' ? (entries[localPart] ?? { kind: 'unknown' }) : { kind: 'foreign' };
  const isLocalDomain: Directory['isLocalDomain'] = async (domain) => domain === 'x.test';
  return { lookup, isLocalDomain } as unknown as Directory;
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

test('an alias that leads elsewhere too is for the MTA, unless it comes from there', async () => {
  const entries = { out: alias('b@x.test', 'eve@else.test'), b: account('b') };
  assert.deepEqual(await find(entries, 'out@x.test').then(({ onward, targets }) => [onward, targets]), [true, []]);
  const unknown = (error: unknown): boolean => error instanceof MailError && error.failure === 'no-such-account';
  await assert.rejects(findRecipient(directory(entries), { address: parseAddress('out@x.test') }, true), unknown);
  await assert.rejects(find(entries, 'eve@else.test'), unknown, 'what is addressed elsewhere to begin with');
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

test('forwards within the house are followed, and nothing is lost in them', async () => {
  const entries = {
    keeper: forwarding('keeper', true, 'b@x.test'),
    giver: forwarding('giver', false, 'b@x.test'),
    away: forwarding('away', false, 'b@x.test', 'x@else.test'),
    ping: forwarding('ping', false, 'pong@x.test'),
    pong: forwarding('pong', false, 'ping@x.test'),
    through: forwarding('through', true, 'list@x.test'),
    list: alias('b@x.test'),
    dead: forwarding('dead', false, 'nobody@x.test'),
    b: account('b'),
  };
  const reached = async (name: string, expanded = false): Promise<string> => {
    const path = { address: parseAddress(`${name}@x.test`) };
    const { targets, onward } = await findRecipient(directory(entries), path, expanded);
    return onward ? 'onward' : targets.map((target) => target.account).join(' ');
  };
  assert.equal(await reached('keeper'), 'keeper b');
  assert.equal(await reached('giver'), 'b');
  assert.equal(await reached('away'), 'onward', 'the MTA sees to all of it');
  assert.equal(await reached('through'), 'onward', 'an alias may lead anywhere');
  assert.equal(await reached('away', true), 'away', 'the MTA has forwarded it already');
  assert.equal(await reached('ping'), 'ping');
  assert.equal(await reached('dead'), 'dead');
  assert.equal(await reached('giver', true), 'giver', 'the MTA has forwarded it already');
});

test('who has moved is found within the house, passed on elsewhere, and refused with the new address where mail stays', async () => {
  const to = (text: string, how: 'forward' | 'reject'): Lookup => ({
    kind: 'moved',
    account: 'm',
    to: parseAddress(text),
    how,
  });
  const entries = {
    near: to('b@x.test', 'forward'),
    far: to('b@else.test', 'forward'),
    left: to('b@x.test', 'reject'),
    b: account('b'),
  };
  assert.equal((await find(entries, 'near@x.test')).targets[0]?.account, 'b');
  assert.deepEqual(await find(entries, 'far@x.test').then(({ onward, targets }) => [onward, targets]), [true, []]);
  const refused = (error: unknown): boolean =>
    error instanceof MailError && error.failure === 'moved' && error.message.includes('has moved to <b@');
  await assert.rejects(find(entries, 'left@x.test'), refused);
  const path = { address: parseAddress('far@x.test') };
  const moved = await findRecipient(directory(entries), path, true);
  assert.equal(moved.onward, true, 'the MTA asked before the account moved: it follows now');
});
