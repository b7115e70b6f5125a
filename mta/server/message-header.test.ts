import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readHeader } from './message-header.ts';

test('readHeader() counts Received fields and sees Date and Message-ID, in the header only', () => {
  const facts = readHeader(
    Buffer.from(
      'Received: a\r\n\tReceived: folded\r\nRECEIVED :b\r\nX-Date: c\r\n\r\nDate: body\r\nMessage-ID: body\r\n',
    ),
  );
  assert.deepEqual(facts, {
    received: 2,
    hasDate: false,
    hasMessageId: false,
    hasResults: false,
    marks: [],
    length: 56,
  });
  const nothing = { received: 0, hasDate: false, hasMessageId: false, hasResults: false, marks: [] };
  assert.deepEqual(readHeader(Buffer.from('\r\nDate: body\r\n')), { ...nothing, length: 0 });
  assert.deepEqual(readHeader(Buffer.from('date:x\r\nMessage-Id: y\r\nAuthentication-results: z')), {
    received: 0,
    hasDate: true,
    hasMessageId: true,
    hasResults: true,
    marks: [],
    length: undefined,
  });
  assert.deepEqual(readHeader(Buffer.alloc(0)), { ...nothing, length: undefined });
});
