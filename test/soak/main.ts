/**
 * `npm run soak -- --minutes 5 --rate 10`: the demo with three domains, mail in all directions while clients idle and read; at the end every message
 * stands exactly once in the mailboxes of each recipient, before and after a restart. Exits 1 when one is missing, doubled or damaged.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Demo, freePortBase, type Peer, peerpost, startDemo } from './demo.ts';
import { Ledger, quantile } from './ledger.ts';
import { Reader, takeStock } from './reader.ts';
import { type Alias, chooseRoute, Sender, type User } from './sender.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, rate: { type: 'string', default: '10' } },
});
const DURATION = Number(values.minutes) * 60_000;
const RATE = Number(values.rate);
const DOMAINS = ['a.test', 'b.test', 'c.test'];
/** How long after the last 250 a message may still be on its way. */
const PATIENCE = 60_000;

const usersOf = (peers: readonly Peer[]): User[] =>
  peers.flatMap((peer) => peer.users.map((user) => ({ ...user, peer })));

async function makeAliases(peers: readonly Peer[]): Promise<Alias[]> {
  const aliases: Alias[] = [];
  for (const [i, peer] of peers.entries()) {
    const next = peers[(i + 1) % peers.length] as Peer;
    const targets = [...peer.users.map((user) => user.address), next.users[0]?.address as string];
    const address = `team@${peer.domain}`;
    await peerpost(peer, 'alias', 'add', address, ...targets);
    aliases.push({ address, targets });
  }
  return aliases;
}

async function pidsOf(peers: readonly Peer[]): Promise<string> {
  const all = await Promise.all(
    peers.map((peer) => peerpost(peer, 'status') as Promise<{ programs: { pid: number }[] }>),
  );
  return all.map(({ programs }) => programs.map((program) => program.pid).join(' ')).join(', ');
}

/** Sends at an even rate, whoever is free; a slow peer makes it slower rather than piling up. */
async function sendAll(users: readonly User[], aliases: readonly Alias[], ledger: Ledger): Promise<void> {
  const senders = users.map((user, i) => ({
    user,
    sender: new Sender(user, i % 2 === 0 ? 'submission' : 'submissions'),
  }));
  const end = performance.now() + DURATION;
  const pause = (1000 * senders.length) / RATE;
  await Promise.all(
    senders.map(async ({ user, sender }, i) => {
      await sleep((pause * i) / senders.length);
      for (let n = 0; performance.now() < end; n++) {
        const due = performance.now() + pause;
        await sender.send(`${user.address}/${n}`, chooseRoute(user, users, aliases), ledger);
        await sleep(Math.max(0, Math.min(due, end) - performance.now()));
      }
      sender.close();
    }),
  );
}

/** How many are missing and how many stand there more than once, or at someone who should not have them. */
async function compare(
  users: readonly User[],
  ledger: Ledger,
): Promise<{ received: number; missing: string[]; doubled: string[] }> {
  const missing: string[] = [];
  const doubled: string[] = [];
  let received = 0;
  for (const user of users) {
    const stock = await takeStock(user);
    for (const { id, recipients, answeredAt } of ledger.sent.values()) {
      if (answeredAt !== undefined && recipients.includes(user.address) && !stock.has(id))
        missing.push(`${id} at ${user.address}`);
    }
    for (const [id, count] of stock) {
      received += count;
      const wanted = ledger.sent.get(id)?.recipients.includes(user.address) ? 1 : 0;
      if (count > wanted) doubled.push(`${id} at ${user.address}: ${count} instead of ${wanted}`);
    }
  }
  return { received, missing, doubled };
}

async function load(demo: Demo, ledger: Ledger): Promise<User[]> {
  const aliases = await makeAliases(demo.peers);
  const users = usersOf(demo.peers);
  const pids = await pidsOf(demo.peers);
  const readers = await Promise.all(users.map((user) => Reader.open(user, ledger)));
  await sendAll(users, aliases, ledger);
  const deadline = performance.now() + PATIENCE;
  while (ledger.visible < ledger.expected && performance.now() < deadline) await sleep(50);
  await Promise.all(readers.map((reader) => reader.stop()));
  const after = await pidsOf(demo.peers);
  if (after !== pids) ledger.failures.push(`processes were replaced: ${pids} became ${after}`);
  return users;
}

function figures(ledger: Ledger): string {
  const ms = (n: number): string => `${n.toFixed(1)} ms`;
  const [seen, answered] = [ledger.latencies(), ledger.answerTimes()];
  return [
    `250 to visible: median ${ms(quantile(seen, 0.5))}, p99 ${ms(quantile(seen, 0.99))}, most ${ms(quantile(seen, 1))}`,
    `submission to 250: median ${ms(quantile(answered, 0.5))}, p99 ${ms(quantile(answered, 0.99))}, most ${ms(quantile(answered, 1))}`,
  ].join('\n');
}

function judge(
  when: string,
  ledger: Ledger,
  found: { received: number; missing: string[]; doubled: string[] },
): boolean {
  const { received, missing, doubled } = found;
  console.log(
    `${when}: sent ${ledger.sent.size} to ${ledger.expected} mailboxes, received ${received}, missing ${missing.length}, doubled ${doubled.length}`,
  );
  for (const line of [
    ...missing.slice(0, 20).map((m) => `missing: ${m}`),
    ...doubled.slice(0, 20).map((d) => `doubled: ${d}`),
  ]) {
    console.log(line);
  }
  return missing.length === 0 && doubled.length === 0 && received > 0;
}

async function main(): Promise<boolean> {
  const data = await mkdtemp(join(tmpdir(), 'pp-soak-'));
  const options = { data, domains: DOMAINS, portBase: await freePortBase(DOMAINS.length) };
  const ledger = new Ledger();
  let demo = await startDemo(options);
  try {
    const users = await load(demo, ledger);
    let good = judge('running', ledger, await compare(users, ledger));
    console.log(figures(ledger));
    const code = await demo.stop();
    if (code !== 0) ledger.failures.push(`the demo ended with ${code}`);
    const log = demo.log();
    if (log !== '') console.log(`the peers said:\n${log.slice(0, 5000)}`);
    demo = await startDemo(options);
    good = judge('after a restart', ledger, await compare(usersOf(demo.peers), ledger)) && good;
    for (const failure of ledger.failures.slice(0, 50)) console.log(`wrong: ${failure}`);
    return good && ledger.failures.length === 0;
  } finally {
    await demo.stop();
    await rm(data, { recursive: true, force: true, maxRetries: 3 });
  }
}

process.exitCode = (await main()) ? 0 : 1;
