/** The bystander's thread (bystander.ts). */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { loopbackAddress } from '#test/support/system.ts';
import type { BystanderOrder, Waits } from './bystander.ts';
import { HostileClient } from './client.ts';

const PAUSE_MS = 100;
const { host, port, to } = workerData as BystanderOrder;
const parent = parentPort as MessagePort;

let times: number[] = [];
let sent = 0;
let question: 'waits' | 'stop' | undefined;

async function round(): Promise<void> {
  const begun = performance.now();
  // From address after address, so that no limit of one is met.
  const client = await HostileClient.open(host, port, loopbackAddress());
  await client.until(/^220 /m);
  await client.say('EHLO good.test\r\n');
  await client.until(/^250 /m);
  await client.say(`MAIL FROM:<g@good.test>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
  await client.until(/^354 /m);
  await client.say('Subject: hello\r\n\r\nhello\r\n.\r\n');
  await client.until(/^250 2\.0\.0/m);
  times.push(performance.now() - begun);
  sent += 1;
  await client.say('QUIT\r\n');
  await client.closed();
}

function waits(): Waits {
  const sorted = times.map(Math.round).sort((a, b) => a - b);
  times = [];
  return { worst: sorted.at(-1) ?? 0, median: sorted[sorted.length >> 1] ?? 0, count: sorted.length };
}

parent.on('message', (asked: 'waits' | 'stop') => {
  question = asked;
});
for (;;) {
  const asked = question;
  question = undefined;
  await round();
  if (asked === 'waits') parent.postMessage(waits());
  if (asked === 'stop') break;
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
parent.postMessage(sent);
parent.close();
