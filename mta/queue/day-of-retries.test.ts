/** A day and a half of trouble in seconds: hosts that are down and come back, hundreds of messages, a clock that is moved. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { generator } from '#test/support/random.ts';
import { bench, entry, HOUR, MINUTE, policy } from './scheduler.testkit.ts';

const DESTINATIONS = 20;
const MESSAGES = Number(process.env.PEERPOST_MESSAGES ?? 100);
const PLACES = 5;
const EXPIRE = 20 * HOUR;
const seed = process.env.PEERPOST_SEED ?? randomBytes(4).toString('hex');

test(`a day of retries, seed ${seed}`, async (t) => {
  const random = generator(seed);
  const b = bench(PLACES, random);
  const start = b.clock.now();
  const back = Array.from({ length: DESTINATIONS }, () => start + random() * 30 * HOUR);
  const tries = new Map<string, number[]>();
  const active = new Map<string, number>();
  b.answer = async ({ id }, [first]) => {
    const domain = first?.address.domain ?? '';
    tries.set(id, [...(tries.get(id) ?? []), b.clock.now()]);
    active.set(domain, (active.get(domain) ?? 0) + 1);
    assert.ok((active.get(domain) ?? 0) <= PLACES, 'no more than its places at a time');
    await new Promise<void>((resolve) => b.clock.after(1_000, resolve));
    active.set(domain, (active.get(domain) ?? 0) - 1);
    return b.clock.now() >= (back[Number(domain.slice(1, -5))] ?? 0) ? 'relayed' : 'deferred';
  };
  const sent = new Map<string, { at: number; destination: number }>();
  b.scheduler.start();
  for (let n = 0; n < MESSAGES; n++) {
    await b.clock.advance((6 * HOUR) / MESSAGES);
    const destination = Math.floor(random() * DESTINATIONS);
    sent.set(`m${n}`, { at: b.clock.now(), destination });
    const expiresAt = b.clock.now() + EXPIRE;
    await b.queue.enqueue(entry(b.clock, `m${n}`, [`x@d${destination}.test`], { expiresAt }));
  }
  await b.clock.advance(30 * HOUR);

  assert.equal((await b.queue.counts()).messages, 0, 'every message came to an end');
  let [delivered, expired, either, attempts] = [0, 0, 0, 0];
  const longest = Math.max(...policy.waits) * 1.15 + MINUTE;
  for (const [id, { at, destination }] of sent) {
    const times = tries.get(id) ?? [];
    attempts += times.length;
    assert.ok(times[0] !== undefined && times[0] - at < MINUTE, 'tried at once');
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    for (const [i, gap] of gaps.entries()) {
      const wait = policy.waits[Math.min(i, policy.waits.length - 1)] ?? 0;
      const last = (times[i + 1] ?? 0) >= at + EXPIRE - 1;
      assert.ok(gap <= wait * 1.15 + MINUTE && (last || gap >= wait * 0.85), `waited ${gap} ms, not about ${wait}`);
    }
    const recovered = Math.max(back[destination] ?? 0, at);
    const ended = times.at(-1) ?? 0;
    if (recovered <= at + EXPIRE - MINUTE) {
      assert.ok(ended >= recovered - 1_000 && ended <= recovered + longest, 'delivered soon after the host came back');
      delivered++;
    } else if (recovered > at + EXPIRE + MINUTE) {
      assert.ok(Math.abs(ended - (at + EXPIRE)) < MINUTE, 'the last try is made when it expires');
      expired++;
    } else {
      // The host comes back in the minute of the last try.
      either++;
    }
  }
  const failures = b.reports.filter((report) => report.includes('Action: failed')).length;
  assert.ok(failures >= expired && failures <= expired + either, 'who waited in vain is told, once, and nobody else');
  t.diagnostic(`seed ${seed}: ${MESSAGES} messages, ${attempts} attempts, ${delivered} delivered, ${expired} expired`);
});
