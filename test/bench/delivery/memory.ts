/** `npm run bench -- memory`: what idle clients cost (IMAP sessions in IDLE), and how long a start takes; Dovecot beside us. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { inBenchFolder, unlessMissing } from './bench-folder.ts';
import { startDovecot } from './dovecot.ts';
import { ImapProbe } from './imap-probe.ts';
import { startPeer } from './peer.ts';
import { memoryOf, usageOf } from './proc.ts';
import { addressesOf } from './system.ts';

const HELP = 'Options: --sessions 5000 --accounts 100 --starts 5 --short (500 sessions, one start)';
const OPTIONS = {
  sessions: { type: 'string', default: '5000' },
  accounts: { type: 'string', default: '100' },
  starts: { type: 'string', default: '5' },
  short: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

interface ImapServer {
  readonly name: string;
  readonly imap: { readonly host: string; readonly port: number };
  readonly password: string;
  roots(): readonly number[];
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const sessions = values.short ? 500 : Number(values.sessions);
  const accounts = Number(values.accounts);
  const starts: number[] = [];
  for (let i = 1; i < (values.short ? 1 : Number(values.starts)); i++) {
    await inBenchFolder(async (folder, keep) => {
      starts.push(keep(await startPeer({ folder: join(folder, 'ours'), accounts: 1 })).startedIn);
    });
  }
  await inBenchFolder(async (folder, keep) => {
    const ours = keep(await startPeer({ folder: join(folder, 'ours'), accounts }));
    starts.push(ours.startedIn);
    console.log(`\nfrom the start of the command to ready: ${starts.map((ms) => Math.round(ms)).join(', ')} ms`);
    await measure(ours, sessions, accounts);
  });
  await inBenchFolder(async (folder, keep) => {
    const options = { folder: join(folder, 'dovecot'), sessions: sessions + 100 };
    const dovecot = await unlessMissing('Dovecot', () => startDovecot(options));
    if (dovecot === undefined) return;
    keep({ close: async () => dovecot.stop() });
    await measure({ ...dovecot, name: 'Dovecot', roots: () => [dovecot.pid] }, sessions, accounts);
  });
}

async function measure(server: ImapServer, sessions: number, accounts: number): Promise<void> {
  const users = addressesOf(accounts);
  const open = (i: number): Promise<ImapProbe> =>
    ImapProbe.open(server.imap, users[i % users.length] ?? '', server.password);
  // One of each account first: what a server keeps of an account is not what a session costs.
  const probes: ImapProbe[] = [];
  for (let i = 0; i < accounts; i++) probes.push(await open(i));
  for (const probe of probes) await probe.idle();
  await sleep(1_000);
  const before = { memory: memoryOf(server.roots()), usage: usageOf(server.roots()) };
  const indices = Array.from({ length: sessions - accounts }, (_, i) => i);
  const lane = async (): Promise<void> => {
    for (let i = indices.shift(); i !== undefined; i = indices.shift()) {
      const probe = await open(i);
      await probe.idle();
      probes.push(probe);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  await sleep(2_000);
  const after = { memory: memoryOf(server.roots()), usage: usageOf(server.roots()) };
  const added = sessions - accounts;
  const each = (of: 'rss' | 'pss'): string =>
    `${Math.round((after.memory[of] - before.memory[of]) / added / 1024)} KB ${of.toUpperCase()}`;
  const cpu = Math.round(((after.usage.cpu - before.usage.cpu) / added) * 1e6);
  console.log(
    `${server.name.padEnd(9)} ${sessions} IMAP sessions in IDLE: ${each('pss')} (${each('rss')}) a session, ` +
      `${Math.round(after.memory.pss / 1e6)} MB in all in ${after.memory.processes} processes; ${cpu} µs CPU to open one`,
  );
  for (const probe of probes) probe.close();
}
