/**
 * One trial: so many messages through one system, from the first MAIL that is written until all of them can be seen by IMAP. The last twenty go to
 * accounts that IMAP sessions watch, and the sender's queue must be empty; with that all have arrived, and each watched count must be exact.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ImapProbe } from './imap-probe.ts';
import { type Job, type Load, messageOf } from './load.ts';
import { threadsOf, usageOf } from './proc.ts';
import { addressesOf, type MailSystem } from './system.ts';

export interface TrialOptions {
  readonly size: number;
  readonly connections: number;
  readonly reuse: boolean;
  readonly accounts: number;
}

export interface TrialResult {
  readonly messages: number;
  /** Messages a second, until visible. */
  readonly rate: number;
  /** Milliseconds from content to 250. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of CPU a message: of the system, of the load. */
  readonly cpu: number;
  readonly loadCpu: number;
  /** Octets written to storage, and fsyncs, a message. */
  readonly written: number;
  readonly fsyncs: number | undefined;
  /** Microseconds of CPU a message, by thread. */
  readonly threads: ReadonlyMap<string, number>;
}

const WATCHED = 20;
const PATIENCE_MS = 120_000;

export class Watch {
  readonly #probes: readonly ImapProbe[];
  readonly #expected: number[];
  readonly #first: number;

  private constructor(probes: readonly ImapProbe[], expected: number[], first: number) {
    this.#probes = probes;
    this.#expected = expected;
    this.#first = first;
  }

  static async open(system: MailSystem, accounts: number): Promise<Watch> {
    const first = Math.max(0, accounts - WATCHED);
    const users = addressesOf(accounts).slice(first);
    const probes = await Promise.all(users.map((user) => ImapProbe.open(system.imap, user, system.password)));
    return new Watch(probes, await Promise.all(probes.map((probe) => probe.count())), first);
  }

  /** Messages go round the accounts and end at the last one. */
  expect(messages: number, accounts: number): void {
    for (const i of this.#expected.keys()) {
      const behind = accounts - 1 - (this.#first + i);
      this.#expected[i] = (this.#expected[i] ?? 0) + Math.ceil((messages - behind) / accounts);
    }
  }

  async seen(): Promise<boolean> {
    const counts = await Promise.all(this.#probes.map((probe) => probe.count()));
    const tooMany = counts.find((count, i) => count > (this.#expected[i] ?? 0));
    if (tooMany !== undefined) throw new Error('more messages have arrived than were sent');
    return counts.every((count, i) => count === this.#expected[i]);
  }

  close(): void {
    for (const probe of this.#probes) probe.close();
  }
}

export async function trial(
  system: MailSystem,
  load: Load,
  watch: Watch,
  messages: number,
  options: TrialOptions,
): Promise<TrialResult> {
  const { accounts, size, connections, reuse } = options;
  const job: Job = {
    host: system.smtp.host,
    port: system.smtp.port,
    connections,
    reuse,
    count: messages,
    content: messageOf(size),
    recipients: addressesOf(accounts),
    start: (accounts - (messages % accounts)) % accounts,
  };
  watch.expect(messages, accounts);
  const threads = threadsOf(system.roots());
  const before = { system: usageOf(system.roots()), load: usageOf([load.pid]), fsyncs: system.shim?.count() };
  const { firstMail, p50, p99 } = await load.run(job);
  const end = await visible(system, watch);
  // What is left to do behind the answers (checkpoints, cleaning up) is part of the price.
  await sleep(200);
  const after = { system: usageOf(system.roots()), load: usageOf([load.pid]), fsyncs: system.shim?.count() };
  const spent = Array.from(threadsOf(system.roots()), ([name, cpu]): [string, number] => {
    return [name, ((cpu - (threads.get(name) ?? 0)) / messages) * 1e6];
  });
  return {
    messages,
    threads: new Map(spent),
    rate: (messages / (end - firstMail)) * 1000,
    p50,
    p99,
    cpu: ((after.system.cpu - before.system.cpu) / messages) * 1e6,
    loadCpu: ((after.load.cpu - before.load.cpu) / messages) * 1e6,
    written: (after.system.written - before.system.written) / messages,
    fsyncs:
      before.fsyncs === undefined || after.fsyncs === undefined ? undefined : (after.fsyncs - before.fsyncs) / messages,
  };
}

async function visible(system: MailSystem, watch: Watch): Promise<number> {
  const patience = performance.now() + PATIENCE_MS;
  while (!(system.idle() && (await watch.seen()))) {
    if (performance.now() > patience) throw new Error(`${system.name}: what was accepted is not visible`);
    await sleep(5);
  }
  return performance.timeOrigin + performance.now();
}
