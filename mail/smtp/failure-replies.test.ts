import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { DISK_FULL, MailError } from '../failure.ts';
import { replyToError } from './failure-replies.ts';

const codeOf = (error: unknown): string => {
  const { code, enhanced } = replyToError(error, 's1', () => undefined);
  return `${code} ${enhanced}`;
};

test('a full disk is 452 4.3.1, however deep it lies; all other trouble is 451', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const wrapped = new MailError('unavailable', 'the message can not be stored', { cause: full });
  for (const error of [full, wrapped, sqliteFull(), new MailError('unavailable', DISK_FULL)]) {
    assert.match(codeOf(error), /^452 .*3\.1$/, String(error));
  }
  const broken = Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' });
  for (const error of [broken, new MailError('unavailable', 'x', { cause: broken }), 'thrown', undefined]) {
    assert.match(codeOf(error), /^451 /, String(error));
  }
  assert.match(codeOf(new MailError('over-quota', DISK_FULL)), /^452 .*2\.2$/);
});

/** As a disk without room makes it. */
function sqliteFull(): unknown {
  const database = new DatabaseSync(':memory:');
  try {
    database.exec('PRAGMA max_page_count = 2; CREATE TABLE t (x)');
    database.exec('INSERT INTO t VALUES (randomblob(100000))');
    return undefined;
  } catch (error) {
    return error;
  } finally {
    database.close();
  }
}
