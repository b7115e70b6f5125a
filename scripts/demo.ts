/**
 * `npm start`: a small internet on loopback. Each domain gets a peer of its own, a whole system with its own data folder,
 * and a DNS responder holds their MX records, so that they find each other the way the world does.
 */
import { Command, CommanderError } from 'commander';
import { UsageError } from './cli/output.ts';
import { startDns } from './demo/dns.ts';
import { preparePeer, type RunningPeer, startPeer } from './demo/peer.ts';
import { type DemoPeer, planPeers } from './demo/plan.ts';
import { describeTable } from './demo/table.ts';

interface DemoOptions {
  readonly data: string;
  readonly domains: string;
  readonly portBase: string;
  readonly json?: boolean;
}

const program = new Command('npm start --')
  .description(
    'Runs a demonstration: two whole peers on loopback that exchange mail. Ctrl-C ends all of it; the mail stays in the data folder.',
  )
  .option('--data <dir>', 'where mail and settings are kept', '.demo')
  .option('--domains <list>', 'domains, a peer each, parted by commas', 'alpha.test,beta.test')
  .option('--port-base <n>', 'added to every standard port: IMAP is then on n+143', '10000')
  .option('--json', 'print one line of JSON once all is up')
  .exitOverride();

async function main(): Promise<void> {
  const options = program.parse().opts<DemoOptions>();
  const portBase = Number(options.portBase);
  if (!Number.isInteger(portBase) || portBase < 1024 || portBase > 56_000) {
    throw new UsageError(`--port-base ${options.portBase}: expected a whole number from 1024 to 56000`);
  }
  const peers = planPeers({ data: options.data, domains: options.domains, portBase });
  const running: RunningPeer[] = [];
  let ending: Promise<void> | undefined;
  const dns = await startDns(peers, portBase);
  const end = (): Promise<void> => (ending ??= Promise.all(running.map((peer) => peer.stop())).then(() => dns.close()));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (ending === undefined && !options.json) process.stderr.write('\nstopping …\n');
      end().then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
    });
  }
  try {
    // One after the other: what goes wrong with the first (a taken port) need not be said three times.
    for (const peer of peers) running.push(await bringUp(peer, end));
    const up = await Promise.all(running.map((peer) => peer.describe()));
    const summary = { dns: dns.address, peers: up };
    process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : describeTable(summary));
  } catch (error) {
    if (ending !== undefined) return;
    await end();
    throw error;
  }
}

async function bringUp(peer: DemoPeer, end: () => Promise<void>): Promise<RunningPeer> {
  await preparePeer(peer);
  return await startPeer(peer, (reason) => {
    process.stderr.write(`${peer.domain}: ${reason}\n`);
    end().then(
      () => process.exit(1),
      (error: unknown) => fail(error),
    );
  });
}

function fail(error: unknown, status = 1): void {
  process.stderr.write(`npm start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(status);
}

try {
  await main();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else fail(error, error instanceof UsageError ? 2 : 1);
}
