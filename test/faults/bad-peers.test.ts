/**
 * Peers that stall, reset, talk nonsense or never stop talking, at each stage of SMTP; name servers that are silent, slow, lying or in circles; an MDA that
 * hangs. Others' mail flows meanwhile, memory and sockets stay bounded, and what could not be delivered waits with its reason.
 */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { createTransport } from 'nodemailer';
import { zonesOf } from '#runtime/dns/zones.ts';
import { type DnsMischief, type HostileDns, startHostileDns } from '#test/support/hostile-dns.ts';
import { readMailbox } from '#test/support/mail-client.ts';
import { type Scene, type ScriptedPeer, scriptedPeer } from '#test/support/scripted-peer.ts';
import { loopbackAddress, PORT_BASE, startTestPeer, type TestPeer } from '#test/support/system.ts';

const STAGES = ['greeting', 'hello', 'starttls', 'mail', 'rcpt', 'data', 'final'] as const;
type Stage = (typeof STAGES)[number];
const MISCHIEF = ['stall', 'reset', 'nonsense', 'endless-line', 'endless-reply', 'trickle'] as const;
type Mischief = (typeof MISCHIEF)[number];
const DNS: readonly DnsMischief[] = [
  'silent',
  'servfail',
  'refused',
  'lies',
  'loop',
  'late',
  'garbage',
  'cut',
  'crowd',
];

const PER_BAD_PEER = Number(process.env.PEERPOST_BAD_MESSAGES ?? 30);
const GOOD_MESSAGES = 200;
/** Octets that a peer that never stops may get rid of at one connection: our limits and what the kernel's buffers take. */
const ENDLESS_BOUND = 16 * 1024 * 1024;
const PROMPT_MS = 30_000;

/** What such a peer could push into us before we hung up. */
let most = 0;

describe('bad peers, bad name servers, a hanging MDA', () => {
  const bad: ScriptedPeer[] = [];
  const domains: string[] = [];
  let dns: HostileDns;
  let alpha: TestPeer;
  let beta: TestPeer;

  before(async () => {
    const hosts = new Map<string, string>();
    for (const stage of STAGES) {
      for (const kind of MISCHIEF) {
        const host = loopbackAddress();
        const domain = `${kind}.${stage}.test`;
        bad.push(await scriptedPeer((scene) => act(scene, stage, kind), { hosts: [host], port: PORT_BASE + 25 }));
        hosts.set(domain, host);
      }
    }
    const host = loopbackAddress();
    hosts.set('beta.test', host);
    hosts.set('late.test', host);
    const mischief = new Map(DNS.map((kind) => [`${kind}.test`, kind]));
    domains.push(...hosts.keys(), ...mischief.keys());
    dns = await startHostileDns({ host: loopbackAddress(), port: PORT_BASE + 53, zones: zonesOf(hosts), mischief });
    beta = await startTestPeer({ domain: 'beta.test', host, users: ['bob'], dns: dns.address });
    alpha = await startTestPeer({ domain: 'alpha.test', users: ['ann', 'amy'], dns: dns.address });
  });
  after(async () => {
    await Promise.all([alpha?.close(), beta?.close()]);
    await Promise.all(bad.map((peer) => peer.close()));
    await dns?.close();
  });

  test("others' mail flows, and what waits says why", { timeout: 300_000 }, async (t) => {
    const troubled = domains.filter((domain) => domain !== 'beta.test' && domain !== 'late.test');
    const recipients = troubled.flatMap((domain) => Array.from({ length: PER_BAD_PEER }, (_, n) => `m${n}@${domain}`));
    await submitAll(alpha, recipients);
    const pid = (await alpha.pids()).get('mta') as number;
    const begun = performance.now();
    await submitAll(alpha, [
      ...Array.from({ length: GOOD_MESSAGES }, () => 'bob@beta.test'),
      ...Array.from({ length: GOOD_MESSAGES }, () => 'amy@alpha.test'),
    ]);
    await Promise.all([
      readMailbox({ peer: beta, address: 'bob@beta.test' }, GOOD_MESSAGES),
      readMailbox({ peer: alpha, address: 'amy@alpha.test' }, GOOD_MESSAGES),
    ]);
    const tookMs = performance.now() - begun;
    const items = await waiting(alpha);
    const { sockets, rss } = await footprint(pid);
    t.diagnostic(
      `${troubled.length} bad destinations, ${recipients.length} messages to them; ${2 * GOOD_MESSAGES} to others in ${Math.round(tookMs)} ms; ` +
        `still queued ${items.length}; MTA ${Math.round(rss / 2 ** 20)} MB, ${sockets} descriptors; most octets taken from an endless peer ${most}`,
    );
    assert.ok(tookMs < PROMPT_MS, `others' mail took ${tookMs} ms`);
    const queued = new Set(items.flatMap((item) => item.recipients.map(({ address }) => address)));
    const gone = recipients.filter((address) => !queued.has(address));
    assert.deepEqual(gone, [], 'nothing of what could not be delivered is lost or bounced');
    assert.ok(rss < 600 * 2 ** 20, `${rss} octets of memory`);
    assert.ok(sockets < 1_500, `${sockets} descriptors`);
    assert.ok(most < ENDLESS_BOUND, `a peer pushed ${most} octets`);
  });

  test('what a peer or name server did stands in the queue', { timeout: 120_000 }, async () => {
    const expected = domains.filter((d) => /^(reset|nonsense|endless)|^(servfail|refused|loop|garbage)\.test/.test(d));
    const missing = new Set(expected);
    for (let look = 0; look < 40 && missing.size > 0; look++) {
      for (const item of await waiting(alpha)) {
        for (const { address, lastReply } of item.recipients)
          if (lastReply) missing.delete(address.slice(address.indexOf('@') + 1));
      }
      if (missing.size > 0) await new Promise((resolve) => setTimeout(resolve, 500));
    }
    assert.deepEqual([...missing], []);
  });

  test('a slow name server only makes its own mail slow', { timeout: 120_000 }, async () => {
    await beta.cli(['domain', 'add', 'late.test']);
    await beta.cli(['account', 'add', 'lea@late.test', '--password-stdin'], beta.password);
    assert.equal(await submitAll(alpha, ['lea@late.test']), 1);
    assert.equal((await readMailbox({ peer: beta, address: 'lea@late.test' }, 1)).length, 1);
  });

  test('an MDA that hangs: local mail is taken and queued, remote mail flows', { timeout: 240_000 }, async () => {
    const mda = (await alpha.pids()).get('mda') as number;
    process.kill(mda, 'SIGSTOP');
    try {
      const local = submitAll(alpha, ['ann@alpha.test']);
      const begun = performance.now();
      await submitAll(alpha, ['bob@beta.test']);
      await readMailbox({ peer: beta, address: 'bob@beta.test' }, GOOD_MESSAGES + 1);
      assert.ok(performance.now() - begun < PROMPT_MS);
      assert.equal(await local, 1, 'the local message got its 250 from the queue');
    } finally {
      resume(mda);
    }
    await alpha.cli(['queue', 'retry', '--all']);
    const messages = await readMailbox({ peer: alpha, address: 'ann@alpha.test' }, 1);
    assert.equal(messages.length, 1, 'delivered once');
  });
});

/** The usual conversation up to a stage, and then mischief. */
async function act(scene: Scene, stage: Stage, kind: Mischief): Promise<void> {
  const at = STAGES.indexOf(stage);
  const steps: readonly (readonly [RegExp | undefined, string])[] = [
    [undefined, '220 bad.test'],
    [/EHLO .*\r\n/, stage === 'starttls' ? '250-bad.test\r\n250 STARTTLS' : '250 bad.test'],
    // Who comes again without TLS (RFC 7435 §3) is sent away.
    [/(STARTTLS|MAIL .*)\r\n/, '220 go on'],
    [/MAIL .*\r\n/, '250 ok'],
    [/RCPT .*\r\n/, '250 ok'],
    [/DATA\r\n/, '354 go on'],
    [/\r\n\.\r\n/, '250 ok'],
  ];
  for (const [index, [pattern, answer]] of steps.entries()) {
    if (index === 2 && stage !== 'starttls') continue;
    const heard = pattern === undefined ? undefined : await scene.expect(pattern);
    if (index === 2 && heard?.[1] !== 'STARTTLS') return scene.say('451 no TLS, no mail\r\n');
    if (index === at) return await misbehave(scene, kind);
    scene.say(`${answer}\r\n`);
  }
}

async function misbehave(scene: Scene, kind: Mischief): Promise<void> {
  const { socket } = scene;
  if (kind === 'reset') return scene.reset();
  if (kind === 'nonsense') return scene.say('\0\xff\x01 I am a teapot\r\n\r\nHTTP/1.1 200 OK\r\n\r\n');
  if (kind === 'endless-line' || kind === 'endless-reply') return await pour(scene, kind);
  if (kind === 'trickle') {
    const timer = setInterval(() => socket.write('2'), 1_000);
    socket.on('close', () => clearInterval(timer));
  }
  await closing(socket);
}

async function pour({ socket }: Scene, kind: Mischief): Promise<void> {
  const chunk = Buffer.from(kind === 'endless-line' ? '2'.repeat(16_384) : '250-more of it\r\n'.repeat(1_024));
  const closed = closing(socket);
  while (!socket.destroyed) {
    if (!socket.write(chunk))
      await Promise.race([new Promise<void>((resolve) => socket.once('drain', resolve)), closed]);
    most = Math.max(most, socket.bytesWritten);
  }
}

/** `once` would throw for a reset, which is an end too. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));
}

/** Each in a message of its own, over a few connections; answers how many got a 250. */
async function submitAll(peer: TestPeer, recipients: readonly string[]): Promise<number> {
  const transport = createTransport({
    host: peer.host,
    port: peer.port(465),
    secure: true,
    pool: true,
    maxConnections: 8,
    maxMessages: Number.POSITIVE_INFINITY,
    tls: { rejectUnauthorized: false },
    auth: { user: `ann@${peer.domain}`, pass: peer.password },
  });
  try {
    const from = `ann@${peer.domain}`;
    const sent = await Promise.all(
      recipients.map(
        (to) => transport.sendMail({ from, to, subject: to, text: 'hello' }) as Promise<{ response: string }>,
      ),
    );
    return sent.filter(({ response }) => response.startsWith('250')).length;
  } finally {
    transport.close();
  }
}

interface Waiting {
  readonly recipients: readonly { readonly address: string; readonly lastReply?: string }[];
}

async function waiting(peer: TestPeer): Promise<readonly Waiting[]> {
  const { stdout } = await peer.cli(['queue', 'list', '--json']);
  return (JSON.parse(stdout) as { items: Waiting[] }).items;
}

async function footprint(pid: number): Promise<{ sockets: number; rss: number }> {
  const [fds, status] = await Promise.all([readdir(`/proc/${pid}/fd`), readFile(`/proc/${pid}/status`, 'utf8')]);
  return { sockets: fds.length, rss: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024 };
}

function resume(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    // A supervisor that noticed that it hangs has replaced it: as good.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
