import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MailError } from '#mail/failure.ts';
import type { MailStore } from '#store/store.ts';
import { imapWorld } from '#test/support/imap-session.ts';

test('a writer that dies behind its commits, again and again, makes no second copy and no NO', async (t) => {
  let deaths = 3;
  const wrap = (store: MailStore): MailStore =>
    new Proxy(store, {
      get(target, name: keyof MailStore) {
        if (name === 'commit') {
          return async (...args: Parameters<MailStore['commit']>) => {
            const answer = await target.commit(...args);
            if (deaths-- > 0) throw new MailError('unavailable', 'the writer has stopped');
            return answer;
          };
        }
        const member = target[name];
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  const world = await imapWorld({ wrap });
  t.after(() => world.close());
  const client = await world.connect();
  const [answer] = await client.ask('APPEND INBOX {14+}\r\nSubject: x\r\n\r\n');
  assert.match(answer ?? '', /^OK \[APPENDUID \d+ 1\]/);
  assert.ok((await client.ask('SELECT INBOX')).includes('* 1 EXISTS'));
});
