import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Notice } from '../change.ts';
import type { JobAnswer } from './group.ts';
import { joinNotices, packAnswers, packNotices, unpackAnswers, unpackBatch } from './notices.ts';

test('notices of several groups can be joined and read as they were', () => {
  const first: Notice[] = [
    { account: 'a1', modseq: 7, types: ['message'] },
    { account: 'a"2', modseq: 2 ** 52, types: ['flags', 'mailbox'] },
  ];
  const second: Notice[] = [{ account: 'a3', modseq: 1, types: [] }];
  const notices = joinNotices([packNotices(first), packNotices([]), packNotices(second)]);
  assert.deepEqual(unpackBatch({ cursor: 'e.3', notices, rescan: false }), {
    cursor: 'e.3',
    notices: [...first, ...second],
    rescan: false,
  });
  assert.deepEqual(unpackBatch({ cursor: 'e.3', notices: packNotices([]), rescan: true }).notices, []);
});

test('answers are what the writer said, deliveries among others', () => {
  const added = { type: 'add-message', uidValidity: 5, uid: 9, message: 'm1', thread: 't1' } as const;
  const answers: JobAnswer[] = [
    { ok: true, modseq: 3, repeated: false, results: [added] },
    { ok: true, modseq: 4, repeated: true, results: [added] },
    { ok: true, modseq: 5, repeated: false, results: [added, added] },
    { ok: true, modseq: 6, repeated: false, results: [{ type: 'expunge', expunged: [[1, 4]] }] },
    { ok: false, failure: 'over-quota', mutation: 0, text: 'the mailbox is full' },
    { error: { failure: 'unavailable', message: 'the commit failed' } },
    null,
  ];
  assert.deepEqual(unpackAnswers(packAnswers(answers)), answers);
});
