/** While a large export streams: what the gateway's memory does, and how long others wait. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Peer } from '../imap/peer.ts';
import type { HttpClient } from './client.ts';

const MB = 1024 * 1024;
const MESSAGE = 20 * MB;

/** @param megabytes of mail that is imported first, by the API itself, into a mailbox of its own. */
export async function measureExport(
  peer: Peer,
  token: string,
  [client]: readonly HttpClient[],
  megabytes: number,
): Promise<void> {
  const { host, port } = peer.http;
  const made = await client!.ask('POST', '/api/v1/mailboxes', { name: 'Large' });
  const { id } = JSON.parse(made.body.toString()) as { id: string };
  for (let sent = 0; sent < megabytes; sent += MESSAGE / MB) await upload(host, port, token, id);
  const pid = (await peer.pids()).get('imap-gateway')!;
  const before = memoryOf(pid);
  // The same question while nothing streams: on a busy machine that too has to wait.
  const quiet = await watch(client!, pid, AbortSignal.timeout(QUIET_MS));
  for (const format of ['mbox', 'zip']) await measureFormat(format);

  async function measureFormat(format: string): Promise<void> {
    const done = new AbortController();
    const began = performance.now();
    const streamed = stream(host, port, token, `/api/v1/export?format=${format}&mailbox=${id}`).finally(() =>
      done.abort(),
    );
    const busy = await watch(client!, pid, done.signal);
    const octets = await streamed;
    const seconds = (performance.now() - began) / 1_000;
    console.log(
      `rest  export of ${megabytes} MB as ${format} (${Math.round(octets / MB)} MB): ${Math.round(megabytes / seconds)} MB/s; gateway's memory ${before} MB before, at most ` +
        `${busy.memory} MB; lists meanwhile: ${busy.waits}; before it: ${quiet.waits}`,
    );
  }
}

const QUIET_MS = 5_000;

/** Asks for a list again and again. */
async function watch(client: HttpClient, pid: number, until: AbortSignal) {
  const waits: number[] = [];
  let memory = 0;
  while (!until.aborted) {
    const asked = performance.now();
    await client.ask('GET', '/api/v1/messages?limit=50');
    waits.push(performance.now() - asked);
    memory = Math.max(memory, memoryOf(pid));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  waits.sort((a, b) => a - b);
  const at = (part: number): string => (waits[Math.floor(waits.length * part)] ?? waits.at(-1) ?? 0).toFixed(1);
  return { memory, waits: `median ${at(0.5)} ms, 99% ${at(0.99)} ms, at most ${at(1)} ms` };
}

/** Megabytes that are resident. */
function memoryOf(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024);
}

async function upload(host: string, port: number, token: string, mailbox: string): Promise<void> {
  const line = `${'mail '.repeat(15)}\r\n`;
  const body = Buffer.from(`Subject: large\r\n\r\n${line.repeat(Math.floor(MESSAGE / line.length))}`);
  const socket = connect({ host, port });
  await once(socket, 'connect');
  socket.write(
    `POST /api/v1/messages?mailbox=${mailbox} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\n` +
      `content-type: message/rfc822\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`,
  );
  socket.write(body);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const answer = Buffer.concat(chunks).toString('latin1');
  if (!answer.startsWith('HTTP/1.1 201')) throw new Error(answer.slice(0, 500));
}

async function stream(host: string, port: number, token: string, path: string): Promise<number> {
  const socket = connect({ host, port });
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`);
  let octets = 0;
  for await (const chunk of socket) octets += (chunk as Buffer).length;
  return octets;
}
