/**
 * What signatures (DKIM) cost: CPU time of the process for each message, threads included, of what the MTA does between the queue and the wire.
 * Interleaved, so that all of them meet the same machine. And canonical octets a second of a large body.
 */
import { MessageDigester } from '#mail/dkim/digest.ts';
import { makeKey, readSigningKey } from '#mail/dkim/key.ts';
import { Extensions } from '#runtime/smtp/extensions.ts';
import type { DkimKey } from '#store/account-rules.ts';
import { MessageContent } from '../../mta/delivery/message-content.ts';
import { Sendables } from '../../mta/delivery/sendable.ts';
import { Signing } from '../../mta/delivery/signing.ts';

const ROUNDS = 7;
const MESSAGES = 400;
const line = 'The quick brown fox  jumps over the lazy dog, and writes home about it.\r\n';
const message = Buffer.from(
  `Received: from x\r\nFrom: Alice <alice@us.test>\r\nTo: bob@far.test\r\nSubject: a letter\r\nDate: Mon, 23 Nov 2026 12:15:01 +0100\r\n\r\n${line.repeat(54)}`,
);
const source = {
  async *content(): AsyncIterable<Uint8Array> {
    yield message;
  },
};

export async function run(): Promise<void> {
  const keys = await Promise.all((['rsa-sha256', 'ed25519-sha256'] as const).map(makeKey));
  const [rsa, ed] = keys.map((pem, i) => keyOf(pem, `s${i}`)) as [DkimKey, DkimKey];
  const ways: readonly [string, readonly DkimKey[]][] = [
    ['without keys', []],
    ['Ed25519', [ed]],
    ['RSA of 2048 bits', [rsa]],
    ['both', [rsa, ed]],
  ];
  const costs = new Map<string, number[]>(ways.map(([name]) => [name, []]));
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, held] of ways) {
      const cost = await cpuOf(held);
      // The first round warms up.
      if (round > 0) costs.get(name)?.push(cost);
    }
  }
  for (const [name, all] of costs) {
    console.log(
      `dkim  ${name.padEnd(18)} ${median(all).toFixed(1).padStart(8)} µs CPU a message of ${message.length} octets`,
    );
  }
  large('25 MB of text', Buffer.from(line.repeat(25_000_000 / line.length)));
  large('25 MB of base64', Buffer.from(`${'QUJD'.repeat(19)}\r\n`.repeat(25_000_000 / 78)));
}

function keyOf(pem: string, selector: string): DkimKey {
  const { algorithm } = readSigningKey(pem);
  return { domain: 'us.test', selector, algorithm, key: pem, state: 'signing', createdAt: 0, since: 0 };
}

/** Microseconds a message. */
async function cpuOf(keys: readonly DkimKey[]): Promise<number> {
  const directory = { dkimKeys: async () => keys };
  const signing = new Signing({ directory, clock: { now: Date.now }, hostname: () => 'mx.us.test' });
  const extensions = new Extensions({ code: 250, lines: ['far.test', '8BITMIME'] });
  const began = process.cpuUsage();
  for (let i = 0; i < MESSAGES; i += 1) {
    const sign = await signing.signFor({ id: `q${i}`, signAs: 'us.test' });
    await new Sendables(new MessageContent(source, 'q', message.length), '7bit', sign).for(extensions);
  }
  const { user, system } = process.cpuUsage(began);
  return (user + system) / MESSAGES;
}

function large(name: string, body: Buffer): void {
  const began = process.cpuUsage();
  const digester = new MessageDigester();
  digester.push(Buffer.from('From: x\r\n\r\n'));
  for (let at = 0; at < body.length; at += 65_536) digester.push(body.subarray(at, at + 65_536));
  digester.finish();
  const { user, system } = process.cpuUsage(began);
  console.log(`dkim  ${name.padEnd(18)} ${Math.round(body.length / (user + system))} MB/s of CPU`);
}

const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1] ?? 0;
