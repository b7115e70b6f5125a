/**
 * `npm run bench -- engine`: the SMTP engine alone, in a process of its own: a message is read, checked, answered and thrown away. Ours, with every check of
 * port 25, against the smtp-server library, by turns, on connections that stay.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inBenchFolder } from './bench-folder.ts';
import { type Load, messageOf, startLoad } from './load.ts';
import { usageOf } from './proc.ts';
import { type Contender, interleave, type Measured, middle, ratios, spread } from './rounds.ts';
import { addressesOf } from './system.ts';

const HELP = 'Options: --rounds 5 --seconds 3 --sizes 4096,102400 --connections 20 --short';
const OPTIONS = {
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '3' },
  sizes: { type: 'string', default: '4096,102400' },
  connections: { type: 'string', default: '20' },
  short: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** `rate` is by the engine's own CPU, for the load takes as much of the machine as the engine: messages in a second of one core. */
interface EngineResult extends Measured {
  readonly wall: number;
}

interface Engine {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  close(): Promise<void>;
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
  await inBenchFolder(async (_, keep) => {
    const load = keep(startLoad());
    const engines = [keep(await startEngine('peerpost')), keep(await startEngine('smtp-server'))];
    for (const size of values.sizes.split(',').map(Number)) {
      const contenders = engines.map((engine): Contender<EngineResult> => {
        return { name: engine.name, measure: (n) => measure(engine, load, n, size, Number(values.connections)) };
      });
      const results = await interleave(contenders, { ...rounds, first: Math.round(4e6 / (size + 1000)) });
      console.log(`\nengine alone, ${size} octets, ${values.connections} connections`);
      for (const [i, { name }] of contenders.entries()) {
        const each = results[i] ?? [];
        const cpu = Math.round(1e6 / middle(each, ({ rate }) => rate));
        console.log(`  ${name.padEnd(12)} ${cpu} µs CPU a message, ${spread(each.map(({ wall }) => wall))} messages/s`);
      }
      console.log(`  ratio by CPU: ${spread(ratios(results[0] ?? [], results[1] ?? []))}`);
    }
  });
}

async function startEngine(name: 'peerpost' | 'smtp-server'): Promise<Engine> {
  const child = fork(join(import.meta.dirname, 'engine-process.ts'), [name]);
  const [port] = (await once(child, 'message')) as [number];
  return {
    name,
    pid: child.pid ?? 0,
    port,
    async close() {
      const gone = once(child, 'exit');
      child.kill();
      await gone;
    },
  };
}

async function measure(
  engine: Engine,
  load: Load,
  messages: number,
  size: number,
  connections: number,
): Promise<EngineResult> {
  const content = messageOf(size);
  const before = usageOf([engine.pid]);
  const { firstMail, lastReply } = await load.run({
    host: '127.0.0.1',
    port: engine.port,
    connections,
    count: messages,
    reuse: true,
    content,
    recipients: addressesOf(1000),
    start: 0,
  });
  return {
    rate: messages / (usageOf([engine.pid]).cpu - before.cpu),
    wall: (messages / (lastReply - firstMail)) * 1000,
  };
}
