import assert from 'node:assert/strict';
import type { SearchQuery } from '#store/search-query.ts';
import { single } from '#store/uid-set.ts';
import type { Sketch } from '../fixtures.ts';
import { utc } from '../fixtures.ts';
import { type Ground, uidsOf } from './kit.ts';

/** What a mailbox of these messages answers to each query. */
function asks(
  given: readonly (Sketch & { flags?: readonly string[] })[],
  queries: readonly (readonly [SearchQuery, number[]])[],
) {
  return async (on: Ground) => {
    const user = await on.user();
    await user.ok(...given.map((one) => user.add(user.inbox, one, one.flags)));
    for (const [query, expected] of queries) {
      const answer = await on.store.search(user.access, user.inbox, query);
      assert.deepEqual(uidsOf(answer), expected, JSON.stringify(query));
    }
  };
}

const not = (query: SearchQuery): SearchQuery => ({ key: 'not', query });

export const search = {
  'all, uids, and, or, not': asks(
    [{}, {}, {}, {}],
    [
      [{ key: 'all' }, [1, 2, 3, 4]],
      [
        {
          key: 'uids',
          uids: [
            [2, 3],
            [9, 99],
          ],
        },
        [2, 3],
      ],
      [not({ key: 'all' }), []],
      [{ key: 'and', queries: [] }, [1, 2, 3, 4]],
      [{ key: 'or', queries: [] }, []],
      [
        {
          key: 'or',
          queries: [
            { key: 'uids', uids: single(1) },
            { key: 'uids', uids: single(4) },
          ],
        },
        [1, 4],
      ],
      [{ key: 'and', queries: [{ key: 'uids', uids: [[1, 3]] }, not({ key: 'uids', uids: single(2) })] }, [1, 3]],
    ],
  ),

  'flags without case': asks(
    [{ flags: ['\\Seen', 'Later'] }, {}, { flags: ['later'] }],
    [
      [{ key: 'flag', flag: '\\seen' }, [1]],
      [{ key: 'flag', flag: 'LATER' }, [1, 3]],
      [not({ key: 'flag', flag: '\\Seen' }), [2, 3]],
      [{ key: 'flag', flag: 'never' }, []],
    ],
  ),

  'dates are days in their own zone': asks(
    [
      { internalDate: { time: Date.parse('2026-03-01T23:30:00Z'), zone: 60 }, date: utc('2026-01-05T00:00:00Z') },
      { internalDate: utc('2026-03-01T23:30:00Z') },
    ],
    [
      [{ key: 'internal-date', op: 'on', day: '2026-03-02' }, [1]],
      [{ key: 'internal-date', op: 'before', day: '2026-03-02' }, [2]],
      [{ key: 'internal-date', op: 'since', day: '2026-03-01' }, [1, 2]],
      [{ key: 'sent-date', op: 'since', day: '2026-01-05' }, [1]],
      [{ key: 'sent-date', op: 'before', day: '2026-01-05' }, []],
    ],
  ),

  'age and saved date': async (on: Ground) => {
    const user = await on.user();
    const now = on.clock.now();
    await user.ok(
      user.add(user.inbox, { internalDate: { time: now - 5000, zone: 0 } }),
      user.add(user.inbox, { internalDate: { time: now - 50_000, zone: 0 } }),
    );
    const ask = async (query: SearchQuery) => uidsOf(await on.store.search(user.access, user.inbox, query));
    assert.deepEqual(await ask({ key: 'younger', seconds: 10 }), [1]);
    assert.deepEqual(await ask({ key: 'older', seconds: 10 }), [2]);
    const day = new Date(now).toISOString().slice(0, 10);
    assert.deepEqual(await ask({ key: 'saved-date', op: 'on', day }), [1, 2]);
    assert.deepEqual(await ask({ key: 'saved-date', op: 'before', day }), []);
  },

  'size, modseq, ids': async (on: Ground) => {
    const user = await on.user();
    const [one, two] = [user.add(), user.add(user.inbox, { text: 'x'.repeat(1000) })];
    const first = await user.ok(one);
    const second = await user.ok(two);
    const ask = async (query: SearchQuery) => uidsOf(await on.store.search(user.access, user.inbox, query));
    const size = one.message.body.length;
    assert.deepEqual(await ask({ key: 'larger', octets: size }), [2]);
    assert.deepEqual(await ask({ key: 'smaller', octets: size }), []);
    assert.deepEqual(await ask({ key: 'smaller', octets: size + 1 }), [1]);
    assert.deepEqual(await ask({ key: 'modseq', since: second.modseq }), [2]);
    assert.deepEqual(await ask({ key: 'modseq', since: first.modseq }), [1, 2]);
    assert.deepEqual(await ask({ key: 'email-id', id: two.message.id }), [2]);
    const [row] = await user.rows();
    assert.deepEqual(await ask({ key: 'thread-id', id: row!.thread }), [1]);
  },

  'header fields, decoded and without case': asks(
    [
      {
        subject: 'Grüße aus Köln',
        from: 'Änne Müller <aenne@alpha.test>',
        more: 'X-Spam: =?utf-8?Q?J=C3=A4?=\r\n folded\r\n',
      },
      { subject: 'Hello', to: 'carol@beta.test' },
    ],
    [
      [{ key: 'subject', text: 'GRU\u0308SSE' }, [1]],
      [{ key: 'subject', text: 'köln' }, [1]],
      [{ key: 'from', text: 'müller' }, [1]],
      [{ key: 'from', text: 'aenne@' }, [1]],
      [{ key: 'to', text: 'CAROL' }, [2]],
      [{ key: 'cc', text: 'carol' }, []],
      [{ key: 'header', name: 'X-SPAM', text: '' }, [1]],
      [{ key: 'header', name: 'x-spam', text: 'jä folded' }, [1]],
      [{ key: 'header', name: 'x-spam', text: 'no' }, []],
      [not({ key: 'header', name: 'X-Spam', text: '' }), [2]],
    ],
  ),

  'text and body': asks(
    [
      { subject: 'needle in the subject', text: 'hay\r\n' },
      { text: 'a NEEDLE in hay\r\n', prefix: 'Delivered-To: needles@beta.test\r\n' },
      { text: 'Straße\r\n', flags: ['\\Seen'] },
    ],
    [
      [{ key: 'text', text: 'Needle' }, [1, 2]],
      [{ key: 'body', text: 'Needle' }, [2]],
      [{ key: 'body', text: 'STRASSE' }, [3]],
      [{ key: 'text', text: 'needles@' }, [2]],
      [not({ key: 'body', text: 'hay' }), [3]],
      [
        {
          key: 'or',
          queries: [
            { key: 'body', text: 'needle' },
            { key: 'flag', flag: '\\Seen' },
          ],
        },
        [2, 3],
      ],
      [
        {
          key: 'and',
          queries: [
            { key: 'body', text: 'hay' },
            { key: 'subject', text: 'needle' },
          ],
        },
        [1],
      ],
    ],
  ),

  'text of a large staged message': async (on: Ground) => {
    const user = await on.user();
    const filler = 'lorem ipsum dolor sit amet\r\n'.repeat(10_000);
    const add = user.add(user.inbox, { text: `${filler}the very end\r\n` });
    const { data, ...rest } = add.message.body as { data: Uint8Array } & typeof add.message.body;
    assert.equal(rest.length, data.length);
    const body = await on.store.stage(
      user.owner,
      (async function* () {
        yield data;
      })(),
    );
    await user.ok({ ...add, message: { ...add.message, body } }, user.add());
    assert.deepEqual(await on.store.search(user.access, user.inbox, { key: 'body', text: 'Very End' }), [[1, 1]]);
  },
};
