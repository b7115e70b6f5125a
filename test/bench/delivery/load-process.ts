/**
 * The load, in a process of its own and as cheap as can be: buffers made beforehand, nothing parsed but the first digit of each reply. Content and the next
 * envelope leave together (RFC 2920 §3.1 allows commands behind the final dot), so that a message costs one write and one read. The same for every server.
 */
import { connect, type Socket } from 'node:net';
import type { Job, JobResult } from './load.ts';

process.on('message', (job: Job) => {
  perform(job).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});

const LF = 10;
const SPACE = 32;

async function perform(job: Job): Promise<JobResult> {
  const state = { next: 0, firstMail: 0, lastReply: 0, refused: 0, waits: new Float64Array(job.count), done: 0 };
  const content = Buffer.from(`${job.content}\r\n.\r\n`, 'latin1');
  await Promise.all(
    Array.from({ length: job.connections }, async () => {
      while (state.next < job.count) await new Client(job, content, state).run();
    }),
  );
  const waits = state.waits.subarray(0, state.done).sort();
  const at = (share: number): number => waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? 0;
  const { firstMail, lastReply, refused } = state;
  return { firstMail, lastReply, refused, p50: at(0.5), p99: at(0.99) };
}

interface Shared {
  next: number;
  firstMail: number;
  lastReply: number;
  refused: number;
  readonly waits: Float64Array;
  done: number;
}

const now = (): number => performance.timeOrigin + performance.now();

/** One connection. What each reply is for follows from its place. */
class Client {
  readonly #job: Job;
  readonly #content: Buffer;
  readonly #shared: Shared;
  readonly #socket: Socket;
  /** What the next replies answer: g(reeting), e(hlo), m(ail), r(cpt), d(ata), f(inal), q(uit). */
  #expected = 'ge';
  #lineStart = true;
  #position = 0;
  #digit = 0;
  #sentAt = 0;

  constructor(job: Job, content: Buffer, shared: Shared) {
    this.#job = job;
    this.#content = content;
    this.#shared = shared;
    this.#socket = connect({ host: job.host, port: job.port, noDelay: true });
  }

  run(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      socket.on('data', (chunk) => {
        try {
          this.#data(chunk);
        } catch (error) {
          socket.destroy(error as Error);
        }
      });
      socket.on('error', reject);
      socket.on('close', () =>
        this.#expected === '' ? resolve() : reject(new Error(`closed before ${this.#expected}`)),
      );
    });
  }

  #data(chunk: Buffer): void {
    for (let i = 0; i < chunk.length; i++) {
      if (this.#lineStart) {
        this.#digit = chunk[i] as number;
        this.#position = 0;
        this.#lineStart = false;
      }
      // The last line of a reply has a space behind its code.
      if (this.#position === 3 && chunk[i] === SPACE) this.#position = 1000;
      if (chunk[i] === LF) {
        this.#lineStart = true;
        if (this.#position >= 1000) this.#reply(chunk);
      } else this.#position += 1;
    }
  }

  #reply(chunk: Buffer): void {
    const kind = this.#expected[0];
    this.#expected = this.#expected.slice(1);
    const good = this.#digit === (kind === 'd' ? 51 : 50);
    if (!good && kind !== 'f') throw new Error(`refused: ${chunk.toString('latin1')}`);
    if (kind === 'g') this.#socket.write('EHLO load.test\r\n');
    else if (kind === 'e') this.#begin();
    else if (kind === 'd') this.#send();
    else if (kind === 'f') this.#final(good);
    else if (kind === 'q') this.#socket.end();
  }

  #begin(): void {
    // Others may have taken the last ones meanwhile.
    if (this.#shared.next < this.#job.count) this.#socket.write(this.#envelope());
    else this.#quit();
  }

  #quit(): void {
    this.#expected += 'q';
    this.#socket.write('QUIT\r\n');
  }

  /** Takes the next message. */
  #envelope(): string {
    const { next } = this.#shared;
    this.#shared.next += 1;
    if (next === 0) this.#shared.firstMail = now();
    this.#expected += 'mrd';
    const { recipients, start } = this.#job;
    const recipient = recipients[(start + next) % recipients.length];
    return `MAIL FROM:<load@sender.test>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`;
  }

  #send(): void {
    this.#expected += 'f';
    this.#sentAt = performance.now();
    this.#socket.cork();
    this.#socket.write(this.#content);
    if (this.#job.reuse && this.#shared.next < this.#job.count) this.#socket.write(this.#envelope());
    else this.#quit();
    this.#socket.uncork();
  }

  #final(good: boolean): void {
    const shared = this.#shared;
    shared.waits[shared.done++] = performance.now() - this.#sentAt;
    if (!good) shared.refused += 1;
    if (shared.done === this.#job.count) shared.lastReply = now();
  }
}
