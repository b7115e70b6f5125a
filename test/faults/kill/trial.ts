/** One tree under mail, killed again and again; each death is a trial: all comes back by itself, and what was answered is there. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { FAULT_POINTS, type FaultPoint } from '#runtime/fault-points.ts';
import type { TestPeer } from '#test/support/system.ts';
import { Admin } from './admin.ts';
import { MailClient } from './client.ts';
import type { Ledger } from './ledger.ts';
import { WatchedMailbox } from './mailboxes.ts';
import { byBdat, byData, byLmtp, bySubmission, PASSWORD_USERS, pause, type SenderRooms } from './senders.ts';
import { PROGRAMS, type Program, Tree } from './tree.ts';

/** How long a point may take to be passed before the program is killed wherever it is. */
const REACH_MS = 4_000;
const VISIBLE_MS = 180_000;
const DRAIN_MS = 180_000;
const PACE_MS = 120;
/** A message can't be delivered behind this, so senders whose mail expires stop with this share of the trials left. */
const SLOW_UNTIL = 0.85;

/** Passed only after hours or megabytes; `store-kill.test.ts` has them. */
const RARE = /^(checkpoint:|store:collecting|store:segment-forgotten|segment:(sealed|copied|moved))/;
const POINTS: Readonly<Record<Program, readonly FaultPoint[]>> = {
  mta: FAULT_POINTS.filter((point) => /^(mta|queue):/.test(point)),
  mda: FAULT_POINTS.filter((point) => /^(mda|segment|store|directory):/.test(point) && !RARE.test(point)),
  'imap-gateway': FAULT_POINTS.filter((point) => /^(imap|segment):/.test(point) && !RARE.test(point)),
};

export interface Figures {
  trials: number;
  /** By fault point, or `random PROGRAM`, `whole tree`, `supervisor`. */
  readonly kills: Map<string, number>;
  notReached: number;
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

  constructor(options: TrialOptions) {
    this.#options = options;
    const { peer, ledger, cache } = options;
    this.tree = new Tree(peer, cache);
    this.#mailboxes = PASSWORD_USERS.map((user) => new WatchedMailbox(peer, user, 'INBOX', ledger));
  }

  /** Throws what was violated. */
  async run(): Promise<void> {
    const { peer, ledger, random, figures, signal } = this.#options;
    this.#began = Date.now();
    await this.tree.start();
    const rooms: SenderRooms = { peer, ledger, random: Math.random, signal: this.#stop.signal, pace: PACE_MS };
    const admin = await Admin.open(rooms);
    const client = new MailClient(rooms, 'dan');
    const work = Promise.all([
      byData(rooms),
      byBdat(rooms),
      bySubmission(rooms, () => this.#progress() < SLOW_UNTIL),
      byLmtp(rooms),
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

  /** A random death of one program, whose next lives then end at chosen points. */
  async #row(random: () => number): Promise<void> {
    const dice = random();
    if (dice < 0.06) return this.#trial('supervisor', () => this.#supervisor());
    if (dice < 0.2) return this.#trial('whole tree', () => this.#wholeTree(random() * 400));
    const program = pick(random, PROGRAMS);
    const plans = Array.from({ length: 2 + Math.floor(random() * 5) }, () => {
      const point = pick(random, POINTS[program]);
      return { point, nth: 1 + Math.floor(random() * random() * 6), tree: random() < 0.05 };
    });
    await this.tree.arm(
      program,
      plans.map(({ point, nth }) => `${point}:${nth}`),
    );
    await this.#trial(`random ${program}`, () => this.#kill(program, random() * 300));
    for (const { point, tree } of plans) {
      await this.#trial(point, () => this.#atPoint(program, tree));
      if (tree) return;
    }
  }

  async #trial(name: string, kill: () => Promise<string | undefined>): Promise<void> {
    const { figures } = this.#options;
    const killed = (await kill()) ?? name;
    await this.#check();
    figures.kills.set(killed, (figures.kills.get(killed) ?? 0) + 1);
    figures.trials++;
    this.#done++;
  }

  async #kill(program: Program, afterMs: number): Promise<undefined> {
    await pause(afterMs);
    await this.tree.kill(program);
  }

  async #wholeTree(afterMs: number): Promise<undefined> {
    await pause(afterMs);
    await this.tree.killAll();
    await this.tree.start();
  }

  async #supervisor(): Promise<undefined> {
    await this.tree.killSupervisor();
    await this.tree.start();
  }

  /** Waits for the armed program to die, and then for its next life; answers how it died. */
  async #atPoint(program: Program, tree: boolean): Promise<string> {
    const fault = await this.tree.fault(REACH_MS);
    if (fault === undefined) {
      this.#options.figures.notReached++;
      await this.#kill(program, 0);
      return `random ${program}`;
    }
    if (tree) {
      await this.#wholeTree(0);
      return `whole tree at ${fault.point}`;
    }
    await this.tree.recovered(fault.deaths);
    return fault.point;
  }

  /** Numbers have not gone back, and what was said to be stored is seen. */
  async #check(): Promise<void> {
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
