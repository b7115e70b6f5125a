/** One foreign server and one peer of ours, a DNS responder that both find each other by, and a middlebox on every way between them. */
import { setTimeout } from 'node:timers/promises';
import { loadConfig } from '#config/load.ts';
import { startDnsResponder } from '#runtime/dns/responder.ts';
import { zonesOf } from '#runtime/dns/zones.ts';
import { createAccount } from '#store/accounts.ts';
import { makeSecret } from '#store/secret.ts';
import { readMailbox } from '#test/support/mail-client.ts';
import { loopbackAddress, PORT_BASE, prepareTestPeer, type TestPeer } from '#test/support/system.ts';
import { openSystem } from '../../../scripts/cli/system.ts';
import { until } from '../programs.ts';
import { removeFolder, serverFolder } from './folders.ts';
import { AWAY, DOWN, type ForeignKind, type ForeignPeer } from './foreign-peer.ts';
import { isMarked } from './letters.ts';
import { type Envelope, type Host, handIn } from './submission.ts';
import { Tap } from './tap.ts';

export const OURS = 'alpha.test';
export const THEIRS = 'gamma.test';

/** Each way is a subdomain of its own, on either side, and what its middlebox keeps to itself. `tls` is the domain itself. */
const STRIPPED = {
  tls: [],
  plain: ['STARTTLS'],
  data: ['STARTTLS', 'CHUNKING'],
  lockstep: ['STARTTLS', 'CHUNKING', 'PIPELINING'],
  ascii: ['STARTTLS', 'SMTPUTF8'],
  nodsn: ['STARTTLS', 'DSN'],
  busy: ['STARTTLS'],
} as const;

export type Way = keyof typeof STRIPPED;
const WAYS = Object.keys(STRIPPED) as Way[];
/** chasquid waits up to two minutes before it tries again. */
const PATIENCE = 150_000;
/** How many callers the busy way turns away: of ours two, of theirs as many as their waits allow. */
export const BUSY = 2;
const busyFor = (kind: ForeignKind, domain: string): number => (domain.endsWith(OURS) ? (kind.busy ?? BUSY) : BUSY);

const on = (way: Way, domain: string): string => (way === 'tls' ? domain : `${way}.${domain}`);
export const here = (local: string, way: Way = 'tls'): string => `${local}@${on(way, OURS)}`;
export const there = (local: string, way: Way = 'tls'): string => `${local}@${on(way, THEIRS)}`;

export interface World {
  readonly kind: ForeignKind;
  readonly peer: TestPeer;
  readonly theirs: ForeignPeer;
  readonly host: Host;
  tap(way: Way, to: 'us' | 'them'): Tap;
  /** Our user, who has logged in, hands in a message. */
  submit(envelope: Envelope, content: Buffer): Promise<void>;
  /** A client of theirs hands in a message at theirs. */
  inject(envelope: Envelope, content: Buffer): Promise<void>;
  /** The marked messages in a mailbox of theirs, once there are so many. */
  arrivedThere(local: string, mark: string, count?: number): Promise<readonly Buffer[]>;
  arrivedHere(address: string, count?: number): Promise<readonly Buffer[]>;
  /** While `work` waits, their queue is tried again each second where its own times are long. */
  nudging<T>(work: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function startWorld(
  kind: ForeignKind,
  mailboxes: { readonly theirs: readonly string[]; readonly ours: readonly string[] },
): Promise<World> {
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).reverse()) await one();
  };
  try {
    return await build(kind, mailboxes, closing, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(
  kind: ForeignKind,
  mailboxes: { readonly theirs: readonly string[]; readonly ours: readonly string[] },
  closing: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<World> {
  const port = PORT_BASE + 25;
  const host = (): Host => ({ host: loopbackAddress(), port });
  const us = host();
  const them = host();
  const entrances = new Map<string, Host>([
    [DOWN, host()],
    [AWAY, host()],
  ]);
  const taps = new Map<string, Tap>();
  for (const way of WAYS) {
    for (const [domain, to] of [
      [on(way, OURS), us],
      [on(way, THEIRS), them],
    ] as const) {
      const listen = host();
      const tap = await Tap.start({
        listen,
        to,
        strip: STRIPPED[way],
        busy: way === 'busy' ? busyFor(kind, domain) : 0,
      });
      closing.push(() => tap.close());
      taps.set(domain, tap);
      entrances.set(domain, listen);
    }
  }
  const zones = zonesOf(new Map([...entrances].map(([domain, entrance]) => [domain, entrance.host])));
  const responder = await startDnsResponder({ host: loopbackAddress(), port: PORT_BASE + 53, zones });
  closing.push(() => responder.close());
  const dns = `${responder.address.host}:${responder.address.port}`;
  const folder = await serverFolder(kind.name);
  closing.push(() => removeFolder(folder));
  // Both to their end, so that what has started is known to `close` when the other fails.
  const [ours, foreign] = await Promise.allSettled([
    startOurs(us, dns, mailboxes.ours, closing),
    kind
      .start({
        folder,
        domains: WAYS.map((way) => on(way, THEIRS)),
        users: mailboxes.theirs,
        listen: them,
        routes: new Map(
          [...entrances].filter(([domain]) => domain.endsWith(OURS) || domain === DOWN || domain === AWAY),
        ),
        dns,
      })
      .then((started) => {
        closing.push(() => started.stop());
        return started;
      }),
  ]);
  if (ours.status === 'rejected') throw ours.reason;
  if (foreign.status === 'rejected') throw foreign.reason;
  const peer = ours.value;
  const theirs = foreign.value;
  let nudgedAt = 0;
  return {
    kind,
    peer,
    theirs,
    host: them,
    close,
    tap: (way, to) => taps.get(on(way, to === 'us' ? OURS : THEIRS)) as Tap,
    submit: (envelope, content) =>
      handIn(
        { host: us.host, port: PORT_BASE + 587, login: { user: envelope.from, password: peer.password } },
        envelope,
        content,
      ),
    inject: (envelope, content) => theirs.inject?.(envelope, content) ?? handIn(them, envelope, content),
    arrivedThere: (local, mark, count = 1) =>
      until(
        async () => {
          const marked = (await theirs.mailbox(local)).filter((message) => isMarked(message, mark));
          return marked.length >= count && marked;
        },
        `${count} of ${mark} in ${kind.name}'s mailbox ${local}`,
        async () => `${peer.log()}\n${await theirs.log()}`,
      ),
    async arrivedHere(address, count = 1) {
      const read = readMailbox({ peer, address }, count);
      read.catch(() => undefined);
      const late = new AbortController();
      try {
        return await Promise.race([
          read,
          setTimeout(PATIENCE, undefined, { signal: late.signal }).then(async () => {
            const evidence = `${peer.log().slice(-2000)}\n${(await theirs.log()).slice(-2000)}`;
            throw new Error(`waited in vain for ${count} messages in our mailbox ${address}\n${evidence}`);
          }),
        ]);
      } finally {
        late.abort();
      }
    },
    async nudging(work) {
      const nudge = theirs.nudge?.bind(theirs);
      if (nudge === undefined) return await work;
      let over = false;
      const settled = work.finally(() => {
        over = true;
      });
      settled.catch(() => undefined);
      while (!over) {
        if (performance.now() - nudgedAt > 2000) {
          nudgedAt = performance.now();
          await nudge();
        }
        await Promise.race([setTimeout(500), settled.catch(() => undefined)]);
      }
      return await settled;
    },
  };
}

async function startOurs(
  us: Host,
  dns: string,
  accounts: readonly string[],
  closing: (() => Promise<void>)[],
): Promise<TestPeer> {
  const peer = await prepareTestPeer({
    domain: OURS,
    host: us.host,
    dns,
    delivery: ['retry = ["1s"]', 'delay-notice = "3s"', 'expire = "12s"'],
    toml: '[log]\nlevel = "debug"',
  });
  closing.push(() => peer.close());
  await populate(peer, accounts);
  await peer.start();
  return peer;
}

/** Domains, accounts and aliases before the peer starts. One secret for all of them: each of their own would take most of a trial's time. */
async function populate(peer: TestPeer, accounts: readonly string[]): Promise<void> {
  const secret = await makeSecret(peer.password);
  const system = await openSystem(await loadConfig(peer.config));
  const { directory } = system;
  try {
    for (const way of WAYS) {
      const domain = on(way, OURS);
      if (!(await directory.isLocalDomain(domain))) await directory.change({ type: 'add-domain', name: domain });
    }
    await Promise.all(accounts.map((address) => createAccount(system, address, secret)));
    await directory.change({ type: 'add-alias', address: here('to-nobody'), targets: [there('nobody')] });
    await directory.change({ type: 'add-alias', address: here('to-down'), targets: [`somebody@${DOWN}`] });
  } finally {
    await system.close();
  }
}
