/** Packed blocks and packed snapshots say what the rows say, whether they were made beforehand (`harness.collect`) or are made on the spot. */
import assert from 'node:assert/strict';
import {
  BLOCK,
  eachField,
  PACKED_COLUMNS,
  PACKED_FIELDS,
  type PackedBlock,
  packedFieldNumbers,
} from '#store/packed.ts';
import type { SearchQuery } from '#store/search-query.ts';
import type { UidSet } from '#store/types.ts';
import { ALL, toArray } from '#store/uid-set.ts';
import { collectOf, type Ground, HOUR, type User } from './kit.ts';

interface Cell {
  readonly date: readonly [time: number, zone: number];
  readonly size: number;
  readonly envelope: string;
  readonly body: string;
  readonly bodystructure: string;
  readonly fields: string;
  readonly message: string;
}

/** By UID. */
async function packed(user: User, uids: UidSet): Promise<Map<number, Cell>> {
  const cells = new Map<number, Cell>();
  for await (const blocks of user.store.packed(user.access, user.inbox, uids, PACKED_COLUMNS)) {
    for (const block of blocks) for (const [i, uid] of block.head.uids.entries()) cells.set(uid, cell(block, i));
  }
  return cells;
}

function cell(block: PackedBlock, i: number): Cell {
  const { times, zones, sizes } = block.head;
  const text = (column: 'envelope' | 'body' | 'bodystructure' | 'message'): string => {
    const { bytes, ends } = block.columns[column]!;
    return bytes.toString('latin1', i === 0 ? 0 : ends[i - 1]!, ends[i]!);
  };
  const { bytes, ends } = block.columns.fields!;
  let fields = '';
  eachField(
    block.columns.fields!,
    i === 0 ? 0 : ends[i - 1]!,
    ends[i]!,
    packedFieldNumbers(PACKED_FIELDS)!,
    (from, to) => {
      fields += bytes.toString('latin1', from, to);
    },
  );
  const rest = {
    envelope: text('envelope'),
    body: text('body'),
    bodystructure: text('bodystructure'),
    message: text('message'),
    fields,
  };
  return { date: [times[i]!, zones[i]!], size: sizes[i]!, ...rest };
}

async function fromRows(user: User): Promise<Map<number, Cell>> {
  const columns = { envelope: true, body: true, bodystructure: true, rawHeader: true };
  const text = (bytes?: Uint8Array): string => Buffer.from(bytes!).toString('latin1');
  return new Map(
    (await user.rows(user.inbox, columns)).map((row) => {
      const { time, zone } = row.internalDate;
      const fields = text(row.rawHeader)
        .slice(0, -2)
        .replace(/^X-Other: .*\r\n( .*\r\n)*/m, '');
      const rest = {
        envelope: text(row.envelope),
        body: text(row.body),
        bodystructure: text(row.bodystructure),
        message: row.message,
        fields,
      };
      return [row.uid, { date: [time, zone], size: row.size, ...rest }];
    }),
  );
}

async function fill(user: User, from: number, count: number): Promise<void> {
  const adds = Array.from({ length: count }, (_, i) => {
    const folded = i % 3 === 0 ? { more: 'X-Other: not\r\n packed\r\nReferences: <a@b>\r\n <c@d>\r\n' } : {};
    const prefix = i % 2 === 0 ? { prefix: 'Return-Path: <x@y.test>\r\n' } : {};
    return user.add(user.inbox, { subject: `Number ${from + i}`, ...folded, ...prefix }, i % 5 === 0 ? ['\\Seen'] : []);
  });
  await user.ok(...adds);
}

export const packs = {
  'a search in packed text finds what a search of each message finds': async (on: Ground) => {
    const user = await on.user();
    await fill(user, 1, 2 * BLOCK);
    const rare = (n: number) => user.add(user.inbox, { subject: `Grüße ${n}`, from: `Zoë Straße <zoe${n}@beta.test>` });
    await user.ok(rare(1), rare(2));
    await fill(user, 600, BLOCK);
    await user.ok(rare(3));
    const find = async (query: SearchQuery): Promise<number[]> =>
      toArray(await user.store.search(user.access, user.inbox, query));
    const seen: SearchQuery = { key: 'flag', flag: '\\Seen' };
    const zoe: SearchQuery = { key: 'from', text: 'zoë STRASSE <ZOE' };
    const five: SearchQuery = { key: 'subject', text: 'number 5' };
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await find(zoe), [513, 514, 771]);
      assert.deepEqual(await find({ key: 'subject', text: 'GRÜSSE 2' }), [514]);
      assert.deepEqual(await find({ key: 'to', text: 'zoe' }), []);
      assert.deepEqual(
        await find({ key: 'or', queries: [zoe, { key: 'subject', text: 'Number 700' }] }),
        [513, 514, 615, 771],
      );
      assert.deepEqual(await find({ key: 'and', queries: [five, seen] }), [51, 56, 501, 506, 511]);
      assert.equal(
        (
          await find({
            key: 'and',
            queries: [
              { key: 'not', query: zoe },
              { key: 'from', text: 'alice' },
            ],
          })
        ).length,
        3 * BLOCK,
      );
      assert.equal((await find({ key: 'or', queries: [zoe, { key: 'not', query: five }] })).length, 3 * BLOCK + 3 - 24);
      await on.harness.collect();
    }
  },

  'packed blocks say what rows say': async (on: Ground) => {
    const user = await on.user();
    await fill(user, 1, 2 * BLOCK + 40);
    await user.ok({ type: 'expunge', mailbox: user.inbox, uids: [[10, 20]], onlyDeleted: false });
    const rows = await fromRows(user);
    assert.deepEqual(await packed(user, ALL), rows);
    await on.harness.collect();
    assert.deepEqual(await packed(user, ALL), rows);
    assert.deepEqual([...(await packed(user, [[BLOCK + 5, BLOCK + 6]])).keys()].includes(BLOCK + 5), true);
    assert.deepEqual(await packed(user, []), new Map());
    await fill(user, 1_000, 300);
    const more = await fromRows(user);
    assert.deepEqual(await packed(user, ALL), more);
    await on.harness.collect();
    assert.deepEqual(await packed(user, ALL), more);
  },

  'message ids alone, of the same messages': async (on: Ground) => {
    const user = await on.user();
    await fill(user, 1, BLOCK + 10);
    const expected = new Map((await user.rows()).map(({ uid, message }) => [uid, message]));
    for (let i = 0; i < 2; i++) {
      const found = new Map<number, string>();
      for await (const blocks of user.store.packed(user.access, user.inbox, ALL, ['message'])) {
        for (const { head, columns } of blocks) {
          const { bytes, ends } = columns.message!;
          for (const [k, uid] of head.uids.entries()) {
            found.set(uid, bytes.toString('latin1', k === 0 ? 0 : ends[k - 1]!, ends[k]!));
          }
        }
      }
      assert.deepEqual(found, expected);
      await on.harness.collect();
    }
  },

  'what retention no longer covers is in no block': async (on: Ground) => {
    const user = await on.user();
    await fill(user, 1, BLOCK + 1);
    await on.harness.collect();
    await user.ok({ type: 'expunge', mailbox: user.inbox, uids: [[3, 9]], onlyDeleted: false });
    on.clock.move(2 * HOUR);
    await on.harness.collect();
    assert.deepEqual(await packed(user, ALL), await fromRows(user));
    await on.harness.collect();
    assert.deepEqual(await packed(user, ALL), await fromRows(user));
  },

  'a snapshot made long ago and what came since are the mailbox as it is': async (on: Ground) => {
    const user = await on.user();
    await fill(user, 1, 1_100);
    await on.harness.collect();
    const same = async (): Promise<void> => {
      const { uids, modseqs, flags, flagSets, modseq, ...head } = await on.store.snapshot(user.access, user.inbox);
      const mailbox = await user.mailbox();
      assert.deepEqual(head, {
        mailbox: user.inbox,
        uidValidity: mailbox.uidValidity,
        uidNext: mailbox.uidNext,
        highestModseq: mailbox.highestModseq,
      });
      assert.equal(modseq, (await on.store.accountState(user.access)).modseq);
      const delta = await on.store.delta(user.access, user.inbox, 0);
      assert.deepEqual([...uids], [...delta.changed.uids]);
      assert.deepEqual([...modseqs], [...delta.changed.modseqs]);
      const named = (rows: typeof delta.changed): string[] =>
        Array.from(rows.flags, (n) => rows.flagSets[n]!.join(' '));
      assert.deepEqual(named({ uids, modseqs, flags, flagSets }), named(delta.changed));
    };
    await same();
    await user.ok(user.setFlags([[5, 30]], 'add', 'Word'), user.setFlags([[7, 7]], 'replace'));
    await same();
    await user.ok({
      type: 'expunge',
      mailbox: user.inbox,
      uids: [
        [20, 25],
        [1_100, 1_100],
      ],
      onlyDeleted: false,
    });
    await fill(user, 2_000, 3);
    await same();
    await user.ok(user.setFlags(ALL, 'add', '\\Seen'));
    await on.harness.collect();
    await same();
    await user.ok({ type: 'create-mailbox', id: `${user.inbox}x`, name: 'Other' });
    await same();
  },

  'packs of a mailbox go with it': async (on: Ground) => {
    const user = await on.user();
    await fill(user, 1, BLOCK + 1);
    await user.ok({ type: 'copy', from: user.inbox, uids: ALL, to: user.work });
    await on.harness.collect();
    await user.ok({ type: 'delete-mailbox', mailbox: user.work });
    await on.harness.collect();
    await assert.rejects(collectOf(on.store.packed(user.access, user.work, ALL, [])), { failure: 'no-such-mailbox' });
    assert.deepEqual(await packed(user, ALL), await fromRows(user));
  },
};
