/**
 * REST as requests a second beside fastify's own empty route, turn by turn in the same run. The ratio counts (1: as fast as a route that does nothing), by
 * the clock and by the processor time that a request costs; both are medians of the rounds.
 *
 * `--help` shows the options.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { messageGenerator, RARE_SENDER } from '../imap/messages.ts';
import { Peer } from '../imap/peer.ts';
import { treeCpuSeconds } from '../imap/server.ts';
import { HttpClient } from './client.ts';
import { measureExport } from './export.ts';

const HELP = `npm run bench -- rest [OPTION…]

  --messages N     in the mailbox (5000)
  --rounds N       that count (5)
  --requests N     of a row in a round (400)
  --only WORD,…    rows whose name has one of the words, or is one behind =
  --export MB      also streams an export of so much while others ask (0)`;
const CONNECTIONS = 8;
const WARM_UPS = 3;

interface World {
  readonly address: string;
  readonly clients: readonly HttpClient[];
  readonly ids: readonly string[];
  readonly cursors: readonly string[];
}

interface Row {
  readonly name: string;
  ask(client: HttpClient, world: World, n: number): Promise<number>;
}

const get = async (client: HttpClient, path: string): Promise<number> =>
  (await client.ask('GET', `/api/v1${path}`)).status;

const ROWS: readonly Row[] = [
  { name: 'list of 50', ask: (client) => get(client, '/messages?limit=50') },
  {
    name: 'list of 50, any page',
    ask: (client, { cursors }, n) => get(client, `/messages?limit=50&cursor=${cursors[(n * 7) % cursors.length]}`),
  },
  {
    name: 'list of 50, after a change',
    async ask(client, { ids }, n) {
      await mark(client, ids[n % ids.length]!, n);
      return await get(client, '/messages?limit=50');
    },
  },
  { name: 'get parsed', ask: (client, { ids }, n) => get(client, `/messages/${ids[(n * 31) % ids.length]}`) },
  { name: 'search by sender', ask: (client, _world, n) => get(client, `/messages?q=from:${RARE_SENDER}+larger:${n}`) },
  { name: 'search by flag', ask: (client, _world, n) => get(client, `/messages?q=is:unread+-keyword:x${n}`) },
  { name: 'flag change', ask: (client, { ids }, n) => mark(client, ids[(n * 31) % ids.length]!, n) },
  { name: 'mailboxes', ask: (client) => get(client, '/mailboxes') },
  // The last one, since it fills INBOX: to ourselves, through the MTA's queue and the MDA, which work at it meanwhile.
  { name: 'send', ask: send },
];

async function send(client: HttpClient, { address }: World, n: number): Promise<number> {
  const message = { to: [{ email: address }], subject: `letter ${n}`, text: 'A few words.\n'.repeat(20) };
  const { status, body } = await client.ask('POST', '/api/v1/send', message);
  if (status !== 202) throw new Error(body.toString());
  return 200;
}

async function mark(client: HttpClient, id: string, n: number): Promise<number> {
  const change = n % 2 === 0 ? { addKeywords: ['$flagged'] } : { removeKeywords: ['$flagged'] };
  return (await client.ask('PATCH', `/api/v1/messages/${id}`, change)).status;
}

const EMPTY: Row = { name: 'fastify, empty route', ask: async (client) => (await client.ask('GET', '/')).status };

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      messages: { type: 'string', default: '5000' },
      rounds: { type: 'string', default: '5' },
      requests: { type: 'string', default: '400' },
      only: { type: 'string' },
      export: { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const wanted = values.only?.split(',');
  const rows = ROWS.filter(
    ({ name }) => wanted?.some((word) => (word.startsWith('=') ? name === word.slice(1) : name.includes(word))) ?? true,
  );
  const peer = await Peer.prepare();
  const empty = spawn(process.execPath, [join(import.meta.dirname, 'empty-server.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const open: HttpClient[] = [];
  try {
    await peer.fill(Number(values.messages), 1, messageGenerator());
    const { host, port, address, password } = peer.http;
    const token = await tokenOf(host, port, address, password);
    const clients = await connect(host, port, `Bearer ${token}`);
    open.push(...clients);
    const beside = await connect('127.0.0.1', await portOf(empty));
    open.push(...beside);
    const world = { clients, address, ...(await look(clients[0]!)) };
    console.log(
      `rest  ${values.messages} messages, ${CONNECTIONS} connections, ${values.rounds} rounds of ${values.requests}`,
    );
    const cpu = { ours: () => peer.cpuSeconds(), empty: () => treeCpuSeconds(empty.pid!) };
    for (const row of rows) {
      await measure(row, world, { ...world, clients: beside }, cpu, Number(values.rounds), Number(values.requests));
    }
    if (Number(values.export) > 0) await measureExport(peer, token, clients, Number(values.export));
  } finally {
    for (const client of open) client.close();
    empty.kill();
    await peer.close();
  }
}

const connect = (host: string, port: number, authorization?: string): Promise<HttpClient[]> =>
  Promise.all(Array.from({ length: CONNECTIONS }, () => HttpClient.open(host, port, authorization)));

/** Basic costs an Argon2 at each request: what is measured is what programs use. */
async function tokenOf(host: string, port: number, address: string, password: string): Promise<string> {
  const client = await HttpClient.open(host, port, `Basic ${btoa(`${address}:${password}`)}`);
  const body = { name: 'bench', scopes: ['mail:read', 'mail:write', 'send'] };
  const answer = await client.ask('POST', '/api/v1/account/tokens', body);
  client.close();
  if (answer.status !== 201) throw new Error(answer.body.toString());
  return JSON.parse(answer.body.toString()).token as string;
}

async function portOf(child: ChildProcess): Promise<number> {
  const [line] = await once(createInterface(child.stdout!), 'line');
  return Number(line);
}

async function look(client: HttpClient): Promise<Pick<World, 'ids' | 'cursors'>> {
  const ids: string[] = [];
  const cursors: string[] = [];
  for (let next: string | undefined; ids.length < 2_000; ) {
    const { body } = await client.ask('GET', `/api/v1/messages?limit=49${next === undefined ? '' : `&cursor=${next}`}`);
    const page = JSON.parse(body.toString()) as { items: { id: string }[]; next?: string };
    ids.push(...page.items.map(({ id }) => id));
    next = page.next;
    if (next === undefined) break;
    cursors.push(next);
  }
  return { ids, cursors };
}

interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

async function measure(
  row: Row,
  ours: World,
  beside: World,
  cpu: { readonly ours: () => number; readonly empty: () => number },
  rounds: number,
  requests: number,
): Promise<void> {
  const costs: { ours: Cost; empty: Cost }[] = [];
  for (let round = -WARM_UPS; round < rounds; round++) {
    const one = await timed(row, ours, cpu.ours, requests, round);
    const other = await timed(EMPTY, beside, cpu.empty, requests, round);
    if (round >= 0) costs.push({ ours: one, empty: other });
  }
  const rate = median(costs.map(({ ours }) => requests / ours.wall));
  const wall = median(costs.map(({ ours, empty }) => empty.wall / ours.wall));
  const spent = median(costs.map(({ ours, empty }) => empty.cpu / ours.cpu));
  const each = median(costs.map(({ ours }) => (ours.cpu / requests) * 1e6));
  console.log(
    `rest  ${row.name.padEnd(28)} ${Math.round(rate).toString().padStart(6)}/s  ${wall.toFixed(2)} of the empty route's rate, ` +
      `${spent.toFixed(2)} by processor time (${Math.round(each)} µs)`,
  );
}

async function timed(row: Row, world: World, cpuSeconds: () => number, requests: number, round: number): Promise<Cost> {
  const before = cpuSeconds();
  const began = performance.now();
  let next = (round + WARM_UPS) * requests;
  const end = next + requests;
  await Promise.all(
    world.clients.map(async (client) => {
      for (let n = next++; n < end; n = next++) {
        const status = await row.ask(client, world, n);
        if (status !== 200) throw new Error(`${row.name}: ${status}`);
      }
    }),
  );
  return { wall: (performance.now() - began) / 1_000, cpu: cpuSeconds() - before };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
