/**
 * One tree under mail, killed again and again; each death is a trial: all comes back by itself, and what was answered is there. Its programs die side by
 * side, each at its own points; a look at the mailboxes follows each death, and one look serves all deaths before it.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { FAULT_POINTS, type FaultPoint } from '#runtime/fault-points.ts';
import type { TestPeer } from '#test/support/system.ts';
import { Admin } from './admin.ts';
import { MailClient } from './client.ts';
import type { Ledger } from './ledger.ts';
import { WatchedMailbox } from './mailboxes.ts';
import {
  byBdat,
  byData,
  byLmtp,
  byLmtpForward,
  bySubmission,
  PASSWORD_USERS,
  pause,
  type SenderRooms,
} from './senders.ts';
import { PROGRAMS, type Program, Tree } from './tree.ts';

/** How long a point may take to be passed before the program is killed wherever it is. */
const REACH_MS = 4_000;
const VISIBLE_MS = 180_000;
const DRAIN_MS = 180_000;
const PACE_MS = 120;
/** A message can't be delivered behind this, so senders whose mail expires stop with this share of the trials left. */
const SLOW_UNTIL = 0.75;

/** Passed only after hours or megabytes; `kill-store.test.ts` has them. */
const RARE = /^(checkpoint:|store:collecting|store:segment-forgotten|segment:(sealed|copied|moved))/;
const POINTS: Readonly<Record<Program, readonly FaultPoint[]>> = {
  mta: FAULT_POINTS.filter((point) => /^(mta|queue):/.test(point)),
  mda: FAULT_POINTS.filter((point) => /^(mda|segment|store|directory):/.test(point) && !RARE.test(point)),
  'imap-gateway': FAULT_POINTS.filter((point) => /^(imap|segment):/.test(point) && !RARE.test(point)),
};
/** All points that are chosen from. */
export const REACHABLE: readonly FaultPoint[] = [...new Set(Object.values(POINTS).flat())];
/** Passed a few times a minute: each life of an MTA is armed with one of them beside another point. */
const SELDOM = POINTS.mta.filter((point) => /:(delayed|expired|drop|failed|deferred):|:reported$/.test(point));
/** Deaths of each program in a row of trials: who has more points dies more often, so that all end at about the same time. */
const LIVES: Readonly<Record<Program, number>> = { mta: 14, mda: 7, 'imap-gateway': 2 };

export interface Figures {
  trials: number;
  /** By fault point, or `random PROGRAM`, `whole tree`, `supervisor`. */
  readonly kills: Map<string, number>;
  notReached: number;
  looks: number;
  /** Milliseconds that the longest row of trials took, without what follows them. */
  killing: number;
}

export interface TrialOptions {
  readonly peer: TestPeer;
  readonly ledger: Ledger;
  readonly cache: string;
  readonly trials: number;
  /** Milliseconds after which no further trial begins. */
  readonly patience: number;
  readonly random: () => number;
  readonly figures: Figures;
  /** Another tree has failed. */
  readonly signal: AbortSignal;
}

export class Trials {
  readonly tree: Tree;
  readonly #options: TrialOptions;
  readonly #mailboxes: readonly WatchedMailbox[];
  readonly #stop = new AbortController();
  #done = 0;
  #began = 0;
  /** Looks that were asked for, and up to which of them all is seen. */
  #asked = 0;
  #seen = 0;
  #looking: Promise<void> | undefined;

  constructor(options: TrialOptions) {
    this.#options = options;
    const { peer, ledger, cache } = options;
    this.tree = new Tree(peer, cache);
    this.#mailboxes = PASSWORD_USERS.map((user) => new WatchedMailbox(peer, user, 'INBOX', ledger));
  }

  /** Throws what was violated. */
  async run(): Promise<void> {
    const { peer, ledger, random, figures, signal } = this.#options;
    await this.tree.start();
    this.#began = Date.now();
    const rooms: SenderRooms = { peer, ledger, random: Math.random, signal: this.#stop.signal, pace: PACE_MS };
    const admin = await Admin.open(rooms);
    const client = new MailClient(rooms, 'dan');
    const work = Promise.all([
      byData(rooms),
      byBdat(rooms),
      bySubmission(rooms, () => this.#progress() < SLOW_UNTIL),
      byLmtp(rooms),
      byLmtpForward(rooms),
      client.run(),
      admin.changeDirectory(),
      admin.workOnQueue(),
    ]);
    // Whoever breaks ends the trials.
    const broken = new Promise<never>((_, reject) => {
      work.catch(reject);
    });
    try {
      while (this.#progress() < 1) {
        await Promise.race([this.#row(random), broken]);
        signal.throwIfAborted();
      }
      figures.killing = Math.max(figures.killing, Date.now() - this.#began);
      this.#stop.abort();
      const hangs = AbortSignal.timeout(VISIBLE_MS * 2);
      await Promise.race([work, once(hangs, 'abort').then(() => Promise.reject(new Error('a sender hangs')))]);
      await this.#settle(admin, client);
    } finally {
      this.#stop.abort();
      for (const mailbox of this.#mailboxes) mailbox.close();
      await admin.close();
      await this.tree.stop();
    }
  }

  /** How far through its trials or its time it is. */
  #progress(): number {
    const { trials, patience } = this.#options;
    return Math.max(this.#done / trials, (Date.now() - this.#began) / patience);
  }

  /** Each program dies at random and then at chosen points; after them the supervisor or all at once. */
  async #row(random: () => number): Promise<void> {
    await Promise.all(PROGRAMS.map((program) => this.#lives(program, LIVES[program], random)));
    const dice = random();
    if (dice < 0.3) await this.#treeDies('supervisor', () => this.tree.killSupervisor());
    else if (dice < 0.65)
      await this.#treeDies('whole tree', () => pause(random() * 400).then(() => this.tree.killAll()));
    else await this.#treeDiesAtPoint(pick(random, PROGRAMS), random);
    const crashed = this.tree.deaths.find((death) => death.crashed);
    assert.ok(crashed === undefined, `${crashed?.program} ended by itself`);
  }

  async #lives(program: Program, lives: number, random: () => number): Promise<void> {
    const { tree } = this;
    await tree.arm(
      program,
      Array.from({ length: lives }, () => planFor(program, random)),
    );
    const looks: Promise<void>[] = [];
    for (let life = 0; life <= lives && this.#progress() < 1; life++) {
      const before = tree.deathsOf(program);
      // The first of them is armed with nothing, or with what is left of an earlier row.
      let death = await tree.death(program, before, life === 0 ? random() * 300 : REACH_MS);
      if (death === undefined) {
        if (life > 0) this.#options.figures.notReached++;
        tree.kill(program);
        death = await tree.death(program, before, VISIBLE_MS);
      }
      await tree.up(program);
      looks.push(this.#judged(death?.point ?? `random ${program}`));
    }
    await Promise.all(looks);
  }

  async #treeDies(name: string, kill: () => Promise<void>): Promise<void> {
    await kill();
    await this.tree.start();
    await this.#judged(name);
  }

  /** All die as soon as one of them has come to a point. */
  async #treeDiesAtPoint(program: Program, random: () => number): Promise<void> {
    const { tree } = this;
    await tree.arm(program, [planFor(program, random)]);
    tree.kill(program);
    const before = tree.deathsOf(program);
    await tree.death(program, before, VISIBLE_MS);
    const death = await tree.death(program, before + 1, REACH_MS);
    await this.#treeDies(death?.point === undefined ? 'whole tree' : `whole tree at ${death.point}`, () =>
      tree.killAll(),
    );
  }

  async #judged(name: string): Promise<void> {
    const { figures } = this.#options;
    await this.#look();
    figures.kills.set(name, (figures.kills.get(name) ?? 0) + 1);
    figures.trials++;
    this.#done++;
  }

  /** Resolves after a look that began behind this call. */
  async #look(): Promise<void> {
    const turn = ++this.#asked;
    while (this.#seen < turn) {
      const upTo = this.#asked;
      this.#looking ??= this.#check()
        .then(() => {
          this.#seen = upTo;
        })
        .finally(() => {
          this.#looking = undefined;
        });
      await this.#looking;
    }
  }

  /** Numbers have not gone back, and what was said to be stored is seen. */
  async #check(): Promise<void> {
    this.#options.figures.looks++;
    const stored = this.#options.ledger.all.filter((sent) => sent.stored.size > sent.copies.size);
    const until = Date.now() + VISIBLE_MS;
    for (;;) {
      await Promise.all(this.#mailboxes.map((mailbox) => mailbox.look()));
      const missing = stored.find((sent) =>
        PASSWORD_USERS.some((user) => sent.stored.has(user) && !sent.copies.has(user)),
      );
      if (missing === undefined) return;
      assert.ok(Date.now() < until, `${missing.id} was stored and is not there`);
      await pause(20);
    }
  }

  /** All is quiet: the rest is delivered, everything is read once more. */
  async #settle(admin: Admin, client: MailClient): Promise<void> {
    for (const mailbox of this.#mailboxes) mailbox.close();
    await this.tree.stop();
    await this.tree.start();
    await admin.drain(DRAIN_MS);
    await Promise.all(this.#mailboxes.map((mailbox) => mailbox.look(true)));
    await client.verify();
    await admin.verify();
  }
}

const pick = <T>(random: () => number, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

/** A point of the program, to be passed for the first time or the next times. */
function planFor(program: Program, random: () => number): string {
  const plan = `${pick(random, POINTS[program])}:${1 + Math.floor(random() * random() * 5)}`;
  return program === 'mta' ? `${plan},${pick(random, SELDOM)}:1` : plan;
}
