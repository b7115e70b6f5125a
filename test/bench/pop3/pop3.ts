/**
 * POP3 against Dovecot's pop3d: both on this machine in the same run, one maildrop of the same mail in each, asked by the same client, turn by turn. What is
 * told is the ratio of the rates (above 1: we are faster), the median of the rounds with the least and the greatest. `--help` shows the options.
 */
import { parseArgs } from 'node:util';
import { Dovecot, type DovecotFormat, withoutDovecot, withoutPop3 } from '../imap/dovecot.ts';
import { messageGenerator } from '../imap/messages.ts';
import { Peer } from '../imap/peer.ts';
import type { BenchServer } from '../imap/server.ts';
import { RawPop3 } from './client.ts';

const HELP = `npm run bench -- pop3 [OPTION…]

  --messages N      in the maildrop (100000)
  --retrieve N      of them retrieved, one by one and pipelined (10000)
  --rounds N        that count (5); some come before them that don't, for four seconds
  --format FORMAT   of Dovecot's mailboxes: mdbox, sdbox or maildir
  --without-dovecot only our own figures`;

interface Row {
  readonly name: string;
  readonly count: number;
  readonly run: (server: BenchServer) => Promise<void>;
}

/** As in the bench of IMAP: rounds that don't count, for so many milliseconds, in which our code is compiled and Dovecot's cache learns what is asked. */
const WARMING = 4_000;
const LEAST_WARM_UPS = 2;
const MOST_WARM_UPS = 30;
const LOGINS = 20;
const PIPELINED = 100;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      messages: { type: 'string', default: '100000' },
      retrieve: { type: 'string', default: '10000' },
      rounds: { type: 'string', default: '5' },
      format: { type: 'string', default: 'mdbox' },
      'without-dovecot': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const missing = values['without-dovecot'] ? 'left out' : (withoutDovecot() ?? withoutPop3());
  if (missing) console.log(`pop3  Dovecot: ${missing}`);
  const messages = Number(values.messages);
  const servers: BenchServer[] = [];
  try {
    servers.push(await Peer.prepare());
    if (!missing) servers.push(await Dovecot.start(values.format as DovecotFormat));
    for (const server of servers) {
      const began = performance.now();
      await server.fill(messages, 0, messageGenerator());
      console.log(`pop3  ${server.name}: filled in ${Math.round((performance.now() - began) / 1_000)} s`);
    }
    console.log(`pop3  ${messages.toLocaleString('en')} messages, ${values.rounds} rounds`);
    for (const row of rowsOf(Math.min(messages, Number(values.retrieve))))
      await measure(row, servers, Number(values.rounds));
  } finally {
    for (const server of servers) await server.close();
  }
}

function rowsOf(retrieve: number): Row[] {
  const numbers = Array.from({ length: retrieve }, (_, i) => i + 1);
  const session = async (server: BenchServer, use: (client: RawPop3) => Promise<void>): Promise<void> => {
    const { host, port, user, password } = server.pop3();
    const client = await RawPop3.login(host, port, user, password);
    await use(client);
    await client.quit();
  };
  const again = (use: (client: RawPop3) => Promise<void>) => async (server: BenchServer) => {
    for (let i = 0; i < LOGINS; i++) await session(server, use);
  };
  return [
    { name: 'log in, STAT, QUIT', count: LOGINS, run: again(async (client) => void (await client.ask('STAT'))) },
    { name: 'log in, LIST, QUIT', count: LOGINS, run: again((client) => client.multi(['LIST'])) },
    { name: 'log in, UIDL, QUIT', count: LOGINS, run: again((client) => client.multi(['UIDL'])) },
    {
      name: `RETR of ${retrieve.toLocaleString('en')}, one by one`,
      count: retrieve,
      run: (server) =>
        session(server, async (client) => {
          for (const number of numbers) await client.multi([`RETR ${number}`]);
        }),
    },
    {
      name: `RETR of ${retrieve.toLocaleString('en')}, ${PIPELINED} at once`,
      count: retrieve,
      run: (server) =>
        session(server, async (client) => {
          for (let at = 0; at < retrieve; at += PIPELINED) {
            await client.multi(numbers.slice(at, at + PIPELINED).map((number) => `RETR ${number}`));
          }
        }),
    },
    {
      name: `TOP 0 of ${retrieve.toLocaleString('en')}, ${PIPELINED} at once`,
      count: retrieve,
      run: (server) =>
        session(server, async (client) => {
          for (let at = 0; at < retrieve; at += PIPELINED) {
            await client.multi(numbers.slice(at, at + PIPELINED).map((number) => `TOP ${number} 0`));
          }
        }),
    },
  ];
}

async function measure(row: Row, servers: readonly BenchServer[], rounds: number): Promise<void> {
  const wall: number[][] = servers.map(() => []);
  const cpu = servers.map(() => 0);
  const begun = performance.now();
  for (let round = -MOST_WARM_UPS; round < rounds; round++) {
    // Who goes first changes, so that none always has the warmer processor.
    const order = round % 2 === 0 ? [...servers.keys()] : [...servers.keys()].reverse();
    for (const i of order) {
      const server = servers[i]!;
      const spent = server.cpuSeconds();
      const began = performance.now();
      await row.run(server);
      if (round < 0) continue;
      wall[i]!.push(performance.now() - began);
      cpu[i]! += server.cpuSeconds() - spent;
    }
    const warm = performance.now() - begun > WARMING && round >= LEAST_WARM_UPS - MOST_WARM_UPS - 1;
    if (round < 0 && warm) round = -1;
  }
  const rates = wall.map((times) =>
    `${Math.round((row.count / median(times)) * 1_000).toLocaleString('en')}/s`.padStart(12),
  );
  const line = `pop3  ${row.name.padEnd(36)} ${rates.join(' ')}`;
  const [ours = [], theirs] = wall;
  if (theirs === undefined) return console.log(line);
  const ratios = ours.map((ms, i) => theirs[i]! / ms).sort((a, b) => a - b);
  const spread = `${median(ratios).toFixed(2)} (${ratios[0]!.toFixed(2)}–${ratios.at(-1)!.toFixed(2)})`;
  console.log(`${line}  ratio ${spread.padEnd(18)} CPU ${(cpu[1]! / cpu[0]!).toFixed(2)}`);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
