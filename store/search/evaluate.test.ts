import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indexMessage } from '#mail/mime/indexer.ts';
import type { PlacementRows } from '../change.ts';
import type { SearchQuery } from '../search-query.ts';
import { CONTENT_COLUMN_LIMIT, type Columns, type MessageRow } from '../store.ts';
import { contains, toArray } from '../uid-set.ts';
import { evaluateSearch } from './evaluate.ts';

const crlf = (text: string): Buffer => Buffer.from(text.replaceAll('\n', '\r\n'));

const PLAIN = crlf('Subject: plain\nFrom: a@x.test\n\nnothing here\n');
const NESTED = crlf(`Subject: =?utf-8?B?R3LDvMOfZQ==?=
From: b@x.test
Content-Type: multipart/mixed; boundary=b

preamble needle
--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

${Buffer.from('Verborgene Schätze').toString('base64')}
--b
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<p title="needle">caf=E9 so=
ft</p>
--b
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

${Buffer.from('needle in binary').toString('base64')}
--b
Content-Type: message/rfc822

Subject: inner subject
From: c@x.test

inner text
--b--
`);
const LARGE = Buffer.concat([
  crlf('Subject: large\n\n'),
  Buffer.alloc(CONTENT_COLUMN_LIMIT, 'x '),
  Buffer.from('far end'),
]);

const messages = [PLAIN, NESTED, LARGE].map((content, i) => ({ uid: i + 1, content, index: indexMessage(content) }));
const rows: PlacementRows = {
  uids: Uint32Array.from(messages, ({ uid }) => uid),
  modseqs: Float64Array.from(messages, ({ uid }) => uid),
  flags: Uint32Array.from([0, 1, 0]),
  flagSets: [[], ['\\Seen']],
};

/** Runs a query, and tells which UIDs were read for which columns. */
async function ask(query: SearchQuery): Promise<{ found: number[]; reads: string[] }> {
  const reads: string[] = [];
  const found = await evaluateSearch(query, {
    rows,
    now: 0,
    async *messages(uids, columns) {
      reads.push(`${Object.keys(columns).join('+')}: ${toArray(uids).join()}`);
      yield messages.filter(({ uid }) => contains(uids, uid)).map((message) => rowOf(message, columns));
    },
    async *content(uid, start, end) {
      yield messages[uid - 1]!.content.subarray(start, end);
    },
  });
  return { found: toArray(found), reads };
}

function rowOf({ uid, content, index }: (typeof messages)[number], columns: Columns): MessageRow {
  const internalDate = { time: 0, zone: 0 };
  return {
    uid,
    message: `m${uid}`,
    thread: 't',
    internalDate,
    savedAt: 0,
    size: content.length,
    prefixLength: 0,
    ...(columns.headers === true && { headers: index.headers }),
    ...(columns.rawHeader === true && { rawHeader: content.subarray(0, index.root.bodyStart) }),
    ...(columns.parts === true && { parts: index.root }),
    ...(columns.content === true && content.length <= CONTENT_COLUMN_LIMIT && { content }),
  };
}

const body = (text: string): SearchQuery => ({ key: 'body', text });

test('text parts are searched decoded; what is no text is not', async () => {
  assert.deepEqual((await ask(body('SCHÄTZE'))).found, [2]);
  assert.deepEqual((await ask(body('café soft'))).found, [2]);
  assert.deepEqual((await ask(body('needle'))).found, []);
  assert.deepEqual((await ask(body('inner text'))).found, [2]);
  assert.deepEqual((await ask(body('inner subject'))).found, [2], 'headers of messages within are part of the body');
  assert.deepEqual((await ask(body('grüße'))).found, []);
  assert.deepEqual((await ask({ key: 'text', text: 'grüsse' })).found, [2]);
  assert.deepEqual((await ask({ key: 'text', text: 'grusse' })).found, [2], 'accents may be left out');
  assert.deepEqual((await ask({ key: 'subject', text: 'GRUSSE' })).found, [2]);
  assert.deepEqual((await ask(body('cafe soft'))).found, [2]);
  assert.deepEqual((await ask(body('nothing hère'))).found, []);
  assert.deepEqual((await ask(body('far END'))).found, [3], 'a large message is read by its parts');
});

test('nothing is read that a cheaper key has decided', async () => {
  const seen: SearchQuery = { key: 'flag', flag: '\\Seen' };
  assert.deepEqual(await ask({ key: 'or', queries: [seen, { key: 'not', query: seen }] }), {
    found: [1, 2, 3],
    reads: [],
  });
  const both = await ask({ key: 'and', queries: [body('inner'), seen] });
  assert.deepEqual(both, { found: [2], reads: ['parts+content: 2'] });
  const subject: SearchQuery = { key: 'subject', text: 'plain' };
  const either = await ask({ key: 'or', queries: [body('far'), subject, seen] });
  assert.deepEqual(either, { found: [1, 2, 3], reads: ['headers: 1,3', 'parts+content: 3'] });
});

test('text finds what the header has without reading the body', async () => {
  const { found, reads } = await ask({
    key: 'and',
    queries: [
      { key: 'uids', uids: [[1, 2]] },
      { key: 'text', text: 'x.test' },
    ],
  });
  assert.deepEqual([found, reads], [[1, 2], ['rawHeader: 1,2']]);
});
