/** Runs the table of trials with one foreign server. A test file names the server, so that servers are tried side by side. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ForeignKind } from './foreign-peer.ts';
import { fromThem } from './from-them.ts';
import { fromUs } from './from-us.ts';
import { here, startWorld, type World } from './world.ts';

const trials = [...fromUs, ...fromThem].sort((a, b) => Number(b.waits ?? false) - Number(a.waits ?? false));

/** Some wait for a retry; more at once would only make the others late. */
const AT_ONCE = 10;

export function tryForeignPeer(kind: ForeignKind): void {
  const skip = kind.missing();
  describe(kind.name, { skip }, () => {
    let world: World;
    const possible = trials.filter(({ name, needs }) => {
      if (needs !== undefined && !kind.offers.includes(needs)) return false;
      return kind.lacks[name] === undefined;
    });

    before(async () => {
      world = await startWorld(kind, {
        theirs: ['sender', ...possible.flatMap((trial) => trial.theirs ?? [])],
        ours: [here('sender'), ...possible.flatMap((trial) => trial.ours ?? [])],
      });
    });
    after(() => world?.close());

    describe('trials', { concurrency: AT_ONCE }, () => {
      for (const trial of possible) test(trial.name, () => trial.run(world));
    });

    test('it offers what is known of it', () => {
      const greetings = world
        .tap('tls', 'them')
        .conversations.map((flows) => flows.map(({ bytes }) => bytes.toString('latin1')));
      const ehlo =
        greetings
          .find((texts) => texts.some((text) => text.startsWith('250-')))
          ?.find((text) => text.startsWith('250-')) ?? '';
      const offered = ehlo.split('\r\n').map((line) => line.slice(4).split(' ')[0]?.toUpperCase() ?? '');
      const keywords = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'CHUNKING', 'DSN'];
      assert.deepEqual(keywords.filter((k) => offered.includes(k)).sort(), [...kind.offers].sort());
      assert.ok(offered.includes('STARTTLS'), ehlo);
    });

    test('what does not apply', (t) => {
      for (const trial of trials.filter((one) => !possible.includes(one))) {
        const reason = kind.lacks[trial.name] ?? `it has no ${trial.needs}`;
        t.diagnostic(`${kind.name}, ${trial.name}: n.a., ${reason}`);
      }
      const names: readonly string[] = trials.map(({ name }) => name);
      for (const name of Object.keys(kind.lacks)) assert.ok(names.includes(name), `no trial is called ${name}`);
    });
  });
}
