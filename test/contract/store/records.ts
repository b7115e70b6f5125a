/** Records: small documents of an account, and who has outbox rows. */
import assert from 'node:assert/strict';
import { newId } from '#store/ids.ts';
import { RECORD_LIMIT } from '#store/mutation.ts';
import { random } from '../fixtures.ts';
import { type Ground, HOUR, type User } from './kit.ts';

const put = (id: string, value: string, more: object = {}) =>
  ({ type: 'put-record', kind: 'thing', id, value, ...more }) as const;

const idsOf = async (user: User, options: Parameters<User['store']['records']>[2], kind = 'thing') =>
  (await user.store.records(user.access, kind, options)).map(({ id }) => id);

export const records = {
  'a record is made, replaced and removed along with everything else': async (on: Ground) => {
    const user = await on.user();
    assert.equal(await on.store.record(user.access, 'thing', 'a'), undefined);
    const { modseq } = await user.ok(put('a', '{"x":1}'), { ...put('a', 'other'), kind: 'another' }, user.add());
    const made = { kind: 'thing', id: 'a', created: modseq, modseq, value: '{"x":1}' };
    assert.deepEqual(await on.store.record(user.access, 'thing', 'a'), made);
    const changed = await user.ok(put('a', 'ü'));
    assert.deepEqual(await on.store.record(user.access, 'thing', 'a'), { ...made, modseq: changed.modseq, value: 'ü' });
    const gone = await user.ok({ type: 'remove-record', kind: 'thing', id: 'a' });
    assert.equal(await on.store.record(user.access, 'thing', 'a'), undefined);
    assert.equal((await on.store.record(user.access, 'another', 'a'))?.value, 'other');
    await user.ok({ type: 'remove-record', kind: 'thing', id: 'a' });
    const { records } = (await on.store.changes(user.access, modseq, 10)) as { records: readonly object[] };
    assert.deepEqual(records, [
      { modseq: changed.modseq, type: 'record', name: 'thing', record: 'a', act: 'change' },
      { modseq: gone.modseq, type: 'record', name: 'thing', record: 'a', act: 'remove' },
    ]);
    const other = await on.user();
    assert.equal(await on.store.record(other.access, 'another', 'a'), undefined);
  },

  'preconditions: absent, unchanged; limits': async (on: Ground) => {
    const user = await on.user();
    const { modseq } = await user.ok(put('a', '1', { ifAbsent: true }));
    await user.refused('exists', [user.add(), put('a', '2', { ifAbsent: true })]);
    await user.refused('conflict', [put('a', '2', { ifModseq: modseq - 1 })]);
    await user.refused('conflict', [put('b', '2', { ifModseq: modseq })]);
    await user.refused('conflict', [{ type: 'remove-record', kind: 'thing', id: 'a', ifModseq: modseq + 1 }]);
    await user.refused('too-large', [put('c', 'ü'.repeat(RECORD_LIMIT / 2 + 1))]);
    await user.refused('bad-request', [put('no id', '')]);
    assert.deepEqual(await user.uids(), [], 'a refusal leaves nothing');
    await user.ok(put('a', '2', { ifModseq: modseq }), put('c', 'x'.repeat(RECORD_LIMIT)));
    assert.equal((await on.store.record(user.access, 'thing', 'a'))?.value, '2');
  },

  'a list begins with what was made last, and goes on behind any': async (on: Ground) => {
    const user = await on.user();
    for (const id of ['a', 'b', 'c']) await user.ok(put(id, id));
    await user.ok(put('d', 'd'), put('e', 'e'), put('a', 'again'));
    const all = ['e', 'd', 'c', 'b', 'a'];
    assert.deepEqual(await idsOf(user, { limit: 10 }), all);
    const seen: string[] = [];
    for (let before: { created: number; id: string } | undefined; ; ) {
      const page = await on.store.records(user.access, 'thing', { limit: 2, ...(before && { before }) });
      if (page.length === 0) break;
      seen.push(...page.map(({ id }) => id));
      before = page.at(-1)!;
    }
    assert.deepEqual(seen, all);
    assert.deepEqual(await idsOf(user, { limit: 10 }, 'none'), []);
  },

  'what has expired is gone at once, and its id is free': async (on: Ground) => {
    const user = await on.user();
    const expiresAt = on.clock.now() + HOUR;
    await user.ok(put('a', '1', { expiresAt }), put('b', '1', { expiresAt }), put('c', '1'));
    assert.equal((await on.store.record(user.access, 'thing', 'a'))?.expiresAt, expiresAt);
    on.clock.move(HOUR);
    assert.equal(await on.store.record(user.access, 'thing', 'a'), undefined);
    const { modseq } = await user.ok(put('a', '2', { ifAbsent: true }));
    assert.equal((await on.store.record(user.access, 'thing', 'a'))?.created, modseq);
    await on.harness.collect();
    assert.deepEqual(await idsOf(user, { limit: 10 }), ['a', 'c']);
  },

  'accounts with outbox rows of a kind are found': async (on: Ground) => {
    const [kind, other] = [newId('commit', random), newId('commit', random)];
    const [a, b, c] = [await on.user(), await on.user(), await on.user()];
    const row = (id: string, of: string) =>
      ({ type: 'enqueue-outbox', id, kind: of, payload: Buffer.alloc(0) }) as const;
    await a.ok(row('1', kind), row('2', kind));
    await b.ok(row('1', kind));
    await c.ok(row('1', other));
    assert.deepEqual([...(await on.store.outboxOwners(kind))].sort(), [a.owner, b.owner].sort());
    await a.ok({ type: 'finish-outbox', id: '1' });
    await b.ok({ type: 'finish-outbox', id: '1' });
    assert.deepEqual(await on.store.outboxOwners(kind), [a.owner]);
    await a.ok({ type: 'delete-account' });
    assert.deepEqual(await on.store.outboxOwners(kind), []);
  },
};
