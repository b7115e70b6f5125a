/** The load generator's other end: `load-process.ts` does what a job says. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface Job {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly count: number;
  /** False: a new connection for each message. */
  readonly reuse: boolean;
  /** Header and body with CRLF, without the last line end. */
  readonly content: string;
  /** Message i goes to number (start + i), round and round. */
  readonly recipients: readonly string[];
  readonly start: number;
}

export interface JobResult {
  /** Milliseconds since the epoch, with fractions. */
  readonly firstMail: number;
  readonly lastReply: number;
  readonly refused: number;
  /** Milliseconds from the content to its reply. */
  readonly p50: number;
  readonly p99: number;
}

export interface Load {
  readonly pid: number;
  run(job: Job): Promise<JobResult>;
  close(): Promise<void>;
}

export function startLoad(): Load {
  const child: ChildProcess = fork(join(import.meta.dirname, 'load-process.ts'), { serialization: 'advanced' });
  return {
    pid: child.pid ?? 0,
    async run(job) {
      child.send(job);
      const [result] = (await once(child, 'message')) as [JobResult | { error: string }];
      if ('error' in result) throw new Error(`the load: ${result.error}`);
      if (result.refused > 0) throw new Error(`the load: ${result.refused} of ${job.count} messages were refused`);
      return result;
    },
    async close() {
      const gone = once(child, 'exit');
      child.kill();
      await gone;
    },
  };
}

/** A message of so many octets with a usual header. */
export function messageOf(size: number): string {
  const head = [
    'Received: from desk.sender.test (desk.sender.test [192.0.2.1])\r\n\tby mx.sender.test with ESMTPS id q1;\r\n\tMon, 23 Nov 2026 11:15:01 +0000',
    'From: Load <load@sender.test>',
    'To: Everybody <everybody@bench.test>',
    'Subject: Greetings from the other side of the wire',
    'Date: Mon, 23 Nov 2026 12:15:01 +0100',
    'Message-ID: <a1b2c3d4e5f6@sender.test>',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
  ].join('\r\n');
  const line = 'The quick brown fox jumps over the lazy dog, and writes home about it.';
  const body = `${line}\r\n`.repeat(Math.ceil(size / line.length)).slice(0, Math.max(0, size - head.length - 4));
  return `${head}\r\n\r\n${body.replace(/[\r\n]+$/, '')}`;
}
