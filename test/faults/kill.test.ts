/**
 * kill -9 of the programs of several peers, of the supervisor and of whole trees, at random moments and at every fault point, while mail comes and
 * goes by all ways. PEERPOST_TRIALS (1000), PEERPOST_TREES (3) and PEERPOST_KILL_MINUTES (8: then
 * no further trial begins, however slow the machine) make it longer; PEERPOST_SEED repeats the choices of a run.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { generator } from '#test/support/random.ts';
import { prepareTestPeer } from '#test/support/system.ts';
import { startFarPeer } from './kill/far-peer.ts';
import { Ledger } from './kill/ledger.ts';
import { makePeople } from './kill/people.ts';
import { type Figures, REACHABLE, Trials } from './kill/trial.ts';
import { judgeFolder, judgeMail, type Outcome } from './kill/verdict.ts';

const TRIALS = Number(process.env.PEERPOST_TRIALS ?? 1000);
const MINUTES = Number(process.env.PEERPOST_KILL_MINUTES ?? 8);
const TREES = Number(process.env.PEERPOST_TREES ?? 3);
const seed = process.env.PEERPOST_SEED ?? randomBytes(4).toString('hex');

test(`kill -9, ${TRIALS} trials in ${TREES} trees, seed ${seed}`, { timeout: 1_000 * 3600 }, async (t) => {
  const began = Date.now();
  const cache = mkdtempSync(join(tmpdir(), 'peerpost-cache-'));
  t.after(() => rmSync(cache, { recursive: true, force: true, maxRetries: 5 }));
  const figures: Figures = { trials: 0, kills: new Map(), notReached: 0, looks: 0, killing: 0 };
  const outcome: Outcome = {
    answered: 0,
    delivered: 0,
    lost: [],
    doubledBySender: 0,
    doubledByRelay: 0,
    reports: 0,
    expired: 0,
  };
  try {
    const stop = new AbortController();
    const trees = Array.from({ length: TREES }, async (_, n) => {
      try {
        await oneTree(n, { cache, figures, outcome, signal: stop.signal });
      } catch (error) {
        if (!stop.signal.aborted) stop.abort(error);
      }
    });
    await Promise.all(trees);
    stop.signal.throwIfAborted();
  } finally {
    const { answered, delivered, lost, doubledBySender, doubledByRelay, reports } = outcome;
    t.diagnostic(
      `seed ${seed}: ${figures.trials} trials in ${Math.round((Date.now() - began) / 1000)} s, ${Math.round(figures.killing / 1000)} s of them killing; ${figures.looks} looks at all mailboxes`,
    );
    t.diagnostic(
      `answered ${answered}, delivered ${delivered}, reports ${reports}, expired ${outcome.expired}, lost ${lost.length}`,
    );
    t.diagnostic(
      `doubled: ${doubledBySender} by senders that never read our answer, ${doubledByRelay} by an MTA that died behind the answer`,
    );
    const kills = [...figures.kills].sort(([a], [b]) => (a < b ? -1 : 1));
    t.diagnostic(`kills: ${kills.map(([name, count]) => `${name} ${count}`).join(', ')}`);
    const never = REACHABLE.filter((point) => !figures.kills.has(point));
    t.diagnostic(
      `points chosen and not passed in time ${figures.notReached}; never killed at: ${never.join(' ') || 'none'}`,
    );
  }
  assert.deepEqual(outcome.lost, []);
});

interface Shared {
  readonly cache: string;
  readonly figures: Figures;
  readonly outcome: Outcome;
  readonly signal: AbortSignal;
}

async function oneTree(n: number, { cache, figures, outcome, signal }: Shared): Promise<void> {
  const ledger = new Ledger(`t${n}`);
  const far = await startFarPeer(ledger);
  const peer = await prepareTestPeer({
    domain: `t${n}.test`,
    routes: { 'far.test': `smtp://127.0.0.1:${far.port}` },
    delivery: ['retry = ["1s"]', 'delay-notice = "3s"', 'expire = "60s"'],
  });
  await makePeople(peer, ['ann', 'ben', 'cat', 'dan']);
  const random = generator(`${seed}:${n}`);
  const share = { trials: Math.ceil(TRIALS / TREES), patience: MINUTES * 60_000 };
  const trials = new Trials({ peer, ledger, cache, ...share, random, figures, signal });
  try {
    await trials.run();
    far.check();
    judgeMail(ledger.all, trials.tree.deaths, outcome);
    await judgeFolder(peer.data, 2);
  } catch (error) {
    const log = join(tmpdir(), `peerpost-kill-${seed}-${n}.log`);
    writeFileSync(log, `${trials.tree.log()}\n${error instanceof Error ? error.stack : String(error)}\n`);
    throw new Error(`tree ${n}, its last words are in ${log}`, { cause: error });
  } finally {
    await peer.close();
    await far.close();
  }
}
