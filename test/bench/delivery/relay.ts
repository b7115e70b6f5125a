/**
 * `npm run bench -- relay`: in by SMTP, a durable queue, out by SMTP to a sink in a process of its own; Postfix and Peerpost by turns, without TLS on both sides.
 * A trial lasts from the first MAIL until the sink has taken the last message. Peerpost relays on port 25 only for its own domains, so its
 * recipients are aliases that lead away (Postfix gets the far addresses at once).
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { inBenchFolder, unlessMissing } from './bench-folder.ts';
import { buildFsyncShim, type FsyncShim } from './fsync-shim.ts';
import { type Load, messageOf, startLoad } from './load.ts';
import { profiling, startPeer } from './peer.ts';
import { startPostfix } from './postfix.ts';
import { usageOf } from './proc.ts';
import { type Contender, interleave, type Measured, middle, ratios, spread } from './rounds.ts';
import { type Sink, startSink } from './sink.ts';
import { DOMAIN } from './system.ts';

const HELP =
  'Options: --rounds 5 --seconds 4 --destinations 1,1000 --size 4096 --connections 20 --only peerpost --profile FOLDER --short';
const OPTIONS = {
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '4' },
  destinations: { type: 'string', default: '1,1000' },
  size: { type: 'string', default: '4096' },
  connections: { type: 'string', default: '20' },
  only: { type: 'string' },
  profile: { type: 'string' },
  short: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const PORT = 10_325;

interface RelayResult extends Measured {
  readonly cpu: number;
  readonly loadCpu: number;
  readonly fsyncs: number;
}

interface Relay {
  readonly name: string;
  readonly smtp: { readonly host: string; readonly port: number };
  readonly recipients: readonly string[];
  readonly shim: FsyncShim | undefined;
  readonly sink: Sink;
  roots(): readonly number[];
  close(): Promise<void>;
}

interface Setting {
  readonly folder: string;
  readonly hosts: readonly string[];
  readonly sink: Sink;
  readonly env?: { readonly [name: string]: string };
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const rounds = values.short
    ? { rounds: 1, seconds: 1 }
    : { rounds: Number(values.rounds), seconds: Number(values.seconds) };
  for (const destinations of values.destinations.split(',').map(Number)) {
    await inBenchFolder(async (folder, keep) => {
      const load = keep(startLoad());
      // An address for each destination, all of them loopback.
      const hosts = Array.from({ length: destinations }, (_, i) => `127.90.${Math.floor(i / 250)}.${(i % 250) + 1}`);
      const sink = keep(await startSink({ hosts, port: PORT }));
      const relays: Relay[] = [
        keep(await peerRelay({ folder: join(folder, 'ours'), hosts, sink, env: profiling(values.profile) })),
      ];
      if (values.only === undefined) {
        const theirs = { folder: join(folder, 'theirs'), hosts, sink };
        const postfix = await unlessMissing('Postfix', () => postfixRelay(theirs));
        if (postfix !== undefined) relays.push(keep(postfix));
      }
      const contenders = relays.map((relay): Contender<RelayResult> => {
        const job = { size: Number(values.size), connections: Number(values.connections) };
        return { name: relay.name, measure: (messages) => trial(relay, load, messages, job) };
      });
      const results = await interleave(contenders, { ...rounds, first: 200 });
      console.log(`\nrelay, ${values.size} octets, ${values.connections} connections, ${destinations} destination(s)`);
      for (const [i, { name }] of contenders.entries()) console.log(describe(name, results[i] ?? []));
      const [ours, others] = results;
      if (ours !== undefined && others !== undefined) console.log(`  ratio: ${spread(ratios(ours, others))}`);
    });
  }
}

async function peerRelay({ folder, hosts, sink, env = {} }: Setting): Promise<Relay> {
  mkdirSync(folder, { recursive: true });
  const shim = buildFsyncShim(folder, 'ours');
  const routes = hosts.map((host, i) => `"d${i}.test" = "smtp://${host}:${PORT}"`);
  const peer = await startPeer({
    folder,
    accounts: 1,
    shim,
    env,
    settings: ['[delivery]', 'allow-loopback = true', '[routes]', ...routes],
    async prepare(directory) {
      for (const i of hosts.keys()) {
        const address = `d${i}@${DOMAIN}`;
        await directory.change({ type: 'add-alias', address, targets: [`user@d${i}.test`] });
      }
    },
  });
  return { ...peer, sink, recipients: hosts.map((_, i) => `d${i}@${DOMAIN}`) };
}

async function postfixRelay({ folder, hosts, sink }: Setting): Promise<Relay> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const shim = buildFsyncShim(folder, 'theirs');
  const postfix = await startPostfix({
    folder: join(folder, 'postfix'),
    shim,
    settings: [`transport_maps = texthash:${folder}/postfix/etc/transport`],
    tables: { transport: hosts.map((host, i) => `d${i}.test smtp:[${host}]:${PORT}`) },
  });
  return {
    name: 'Postfix',
    smtp: postfix,
    recipients: hosts.map((_, i) => `user@d${i}.test`),
    shim,
    sink,
    roots: () => [postfix.pid],
    close: async () => postfix.stop(),
  };
}

async function trial(
  relay: Relay,
  load: Load,
  messages: number,
  { size, connections }: { size: number; connections: number },
): Promise<RelayResult> {
  const { host, port } = relay.smtp;
  const { recipients, sink } = relay;
  const had = await sink.count();
  const others = [load.pid, sink.pid];
  const before = { system: usageOf(relay.roots()), load: usageOf(others), fsyncs: relay.shim?.count() ?? Number.NaN };
  const content = messageOf(size);
  const job = { host, port, connections, count: messages, reuse: true, content, recipients, start: 0 };
  const { firstMail } = await load.run(job);
  const patience = performance.now() + 120_000;
  for (;;) {
    const taken = (await sink.count()) - had;
    if (taken > messages) throw new Error(`${relay.name} has relayed ${taken - messages} messages twice`);
    if (taken === messages) break;
    if (performance.now() > patience) throw new Error(`${relay.name}: ${messages - taken} messages never arrived`);
    await sleep(5);
  }
  const end = performance.timeOrigin + performance.now();
  await sleep(300);
  const after = { system: usageOf(relay.roots()), load: usageOf(others), fsyncs: relay.shim?.count() ?? Number.NaN };
  return {
    rate: (messages / (end - firstMail)) * 1000,
    cpu: ((after.system.cpu - before.system.cpu) / messages) * 1e6,
    loadCpu: ((after.load.cpu - before.load.cpu) / messages) * 1e6,
    fsyncs: (after.fsyncs - before.fsyncs) / messages,
  };
}

function describe(name: string, results: readonly RelayResult[]): string {
  const cpu = Math.round(middle(results, (result) => result.cpu));
  const loadCpu = Math.round(middle(results, (result) => result.loadCpu));
  const fsyncs = middle(results, (result) => result.fsyncs);
  const rate = spread(results.map((result) => result.rate));
  const synced = Number.isNaN(fsyncs) ? '' : `, ${fsyncs.toFixed(2)} fsyncs`;
  return `  ${name.padEnd(28)} ${rate} messages/s, ${cpu} µs CPU a message + ${loadCpu} of load and sink${synced}`;
}
