import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markKey } from './marks.ts';

const there = { host: 'mail.example.org', port: 993, secure: true, user: 'alice@example.org' };

test('a server is the same by imaps and by imap with STARTTLS, and another one on a port of its own', () => {
  const key = markKey(there, 'INBOX');
  assert.equal(markKey({ ...there, host: 'Mail.Example.org', port: 143, secure: false }, 'INBOX'), key);
  for (const other of [{ port: 1993 }, { user: 'bob@example.org' }, { host: 'mail.example.net' }]) {
    assert.notEqual(markKey({ ...there, ...other }, 'INBOX'), key);
  }
  assert.notEqual(markKey(there, 'Sent'), key);
});
