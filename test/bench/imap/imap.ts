/**
 * IMAP against Dovecot: both on this machine in the same run, one mailbox of the same mail in each, asked by the same client, turn by turn. What is
 * told is the ratio of the rates (above 1: we are faster), the median of the rounds with the least and the greatest.
 *
 * `--help` shows the options.
 */
import { parseArgs } from 'node:util';
import { Dovecot, type DovecotFormat, withoutDovecot } from './dovecot.ts';
import { messageGenerator } from './messages.ts';
import { Peer } from './peer.ts';
import { EXTRA_MAILBOXES, ROWS, type Row, type Scale, type World } from './rows.ts';
import type { BenchServer } from './server.ts';

const HELP = `npm run bench -- imap [OPTION…]

  --messages N      in the mailbox (5000)
  --sizes N,N,…     fills both anew for each size, and shows how the rows grow
  --rounds N        that count (5); some come before them that don't, for four seconds
  --only WORD,…     rows whose name has one of the words
  --format FORMAT   of Dovecot's mailboxes: mdbox (its fastest), sdbox or maildir
  --without-dovecot only our own figures`;
const SHORT = 5_000;
const BOXES = 1_000;

interface Measured {
  readonly row: Row;
  /** Milliseconds and CPU milliseconds, by round and server. */
  readonly wall: number[][];
  readonly cpu: number[][];
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      messages: { type: 'string', default: String(SHORT) },
      sizes: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      only: { type: 'string' },
      format: { type: 'string', default: 'mdbox' },
      'without-dovecot': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const wanted = values.only?.toLowerCase().split(',');
  const rows = ROWS.filter(({ name }) => wanted?.some((word) => name.toLowerCase().includes(word)) ?? true);
  const missing = values['without-dovecot'] ? 'left out' : withoutDovecot();
  if (missing) console.log(`imap  Dovecot: ${missing}`);
  for (const size of (values.sizes ?? values.messages).split(',').map(Number)) {
    const scale = { messages: size, boxes: Math.min(BOXES, size) };
    await measureSize(rows, scale, Number(values.rounds), missing ? undefined : (values.format as DovecotFormat));
  }
}

async function measureSize(rows: readonly Row[], scale: Scale, rounds: number, format: DovecotFormat | undefined) {
  const worlds: World[] = [];
  const servers: BenchServer[] = [];
  try {
    servers.push(await Peer.prepare());
    if (format) servers.push(await Dovecot.start(format));
    for (const server of servers) worlds.push(await prepare(server, scale));
    console.log(`imap  ${scale.messages.toLocaleString('en')} messages, ${scale.boxes} mailboxes, ${rounds} rounds`);
    for (const row of rows) report(await measure(row, worlds, scale, rounds), scale, servers);
  } finally {
    for (const { client } of worlds) client.close();
    for (const server of servers) await server.close();
  }
}

async function prepare(server: BenchServer, scale: Scale): Promise<World> {
  const began = performance.now();
  await server.fill(scale.messages, scale.boxes, messageGenerator());
  const client = await server.connect();
  for (const name of EXTRA_MAILBOXES) await client.ask(`CREATE ${name}`);
  await client.ask('SELECT INBOX');
  console.log(`imap  ${server.name}: filled in ${Math.round((performance.now() - began) / 1_000)} s`);
  return { server, client };
}

/**
 * Rounds that don't count come first, for so many milliseconds: Dovecot's cache learns in the first what clients ask for, and our code is compiled,
 * as it is in a server that has run for some minutes.
 */
const WARMING = 4_000;
const MOST_WARM_UPS = 30;

async function measure(row: Row, worlds: readonly World[], scale: Scale, rounds: number): Promise<Measured> {
  const measured: Measured = { row, wall: [], cpu: [] };
  const begun = performance.now();
  for (let round = -MOST_WARM_UPS; round < rounds; round++) {
    const wall: number[] = [];
    const cpu: number[] = [];
    // Who goes first changes, so that none always has the warmer processor.
    const order = [...worlds.keys()];
    for (const i of round % 2 === 0 ? order : order.reverse()) {
      const world = worlds[i]!;
      const before = world.server.cpuSeconds();
      wall[i] = await row.run(world, scale);
      cpu[i] = (world.server.cpuSeconds() - before) * 1_000;
    }
    if (round < 0 && (row.restarts === true || performance.now() - begun > WARMING)) round = -1;
    if (round < 0) continue;
    measured.wall.push(wall);
    measured.cpu.push(cpu);
  }
  return measured;
}

function report({ row, wall, cpu }: Measured, scale: Scale, servers: readonly BenchServer[]): void {
  const count = row.count(scale);
  const rates = servers.map((_, i) => {
    const ms = median(wall.map((round) => round[i]!));
    return `${format(ms)} ms ${rate((count / ms) * 1_000).padStart(10)}/s`;
  });
  const line = `imap  ${row.name.padEnd(47)} ${rates.map((text) => text.padStart(24)).join(' ')}`;
  if (servers.length < 2) {
    console.log(line);
    return;
  }
  const ratios = wall.map(([ours, theirs]) => theirs! / ours!).sort((a, b) => a - b);
  const spread = `${median(ratios).toFixed(2)} (${ratios[0]!.toFixed(2)}–${ratios.at(-1)!.toFixed(2)})`;
  const spent = [0, 1].map((i) => cpu.reduce((sum, round) => sum + round[i]!, 0));
  const byCpu = row.restarts === true ? '–' : (spent[1]! / spent[0]!).toFixed(2);
  console.log(`${line}  ratio ${spread.padEnd(18)} CPU ${byCpu}`);
}

const format = (ms: number): string => (ms < 100 ? ms.toFixed(1) : Math.round(ms).toLocaleString('en'));
const rate = (n: number): string => Math.round(n).toLocaleString('en');

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
