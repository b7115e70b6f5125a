import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SmtpClient } from '#runtime/smtp/client.ts';
import { FakeClock } from '#test/support/clock.ts';
import { Connections } from './connections.ts';

function setup() {
  const clock = new FakeClock();
  const opened: { account: string; usable: boolean; ended: boolean; client: SmtpClient }[] = [];
  const connections = new Connections({
    clock,
    async open(account) {
      const one = {
        account,
        usable: true,
        spent: false,
        ended: false,
        async quit() {
          this.ended = true;
        },
        destroy() {
          this.ended = true;
        },
      };
      opened.push(Object.assign(one, { client: one as unknown as SmtpClient }) as (typeof opened)[number]);
      return one as unknown as SmtpClient;
    },
  });
  return { clock, opened, connections };
}

test('a connection serves its account again, and no other one', async () => {
  const { connections, opened } = setup();
  const first = await connections.borrow('alice');
  connections.giveBack(first);
  const other = await connections.borrow('bob');
  const again = await connections.borrow('alice');
  assert.deepEqual([other.reused, again.reused, again.client === first.client], [false, true, true]);
  // In use: another one is opened beside it.
  assert.equal((await connections.borrow('alice')).reused, false);
  assert.deepEqual(
    opened.map(({ account }) => account),
    ['alice', 'bob', 'alice'],
  );
});

test('it ends when nobody uses it, when it is no longer good, and when there are too many', async () => {
  const { connections, opened, clock } = setup();
  connections.giveBack(await connections.borrow('alice'));
  await clock.advance(2_900);
  assert.equal(opened[0]!.ended, false);
  await clock.advance(200);
  assert.equal(opened[0]!.ended, true);
  connections.giveBack(await connections.borrow('alice'));
  opened[1]!.usable = false;
  assert.equal((await connections.borrow('alice')).reused, false);
  assert.equal(opened[1]!.ended, true);
  const many = await Promise.all(Array.from({ length: 40 }, (_, i) => connections.borrow(`user${i}`)));
  for (const lent of many) connections.giveBack(lent);
  assert.equal(opened.slice(3).filter(({ ended }) => ended).length, 8, 'the oldest go');
  assert.equal((await connections.borrow('user39', true)).reused, false, 'a fresh one where one is wanted');
  connections.close();
  assert.equal(opened.slice(3, 43).filter(({ ended }) => !ended).length, 0);
});
