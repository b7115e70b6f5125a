/** What long commands show while they run: a bar on a terminal, lines of JSON with --json, else nothing. */
import type { Output } from '../output.ts';

/** Lines on damaged messages, if there are any. */
export function stayedBehind({ failed, failures }: Lost): string[] {
  if (failed === 0) return [];
  return [
    `${failed} damaged and left out:`,
    ...failures.map(({ path, uid, message }) => `  ${path}, UID ${uid}: ${message}`),
  ];
}

interface Lost {
  readonly failed: number;
  readonly failures: readonly { readonly path: string; readonly uid: number; readonly message: string }[];
}

export interface ProgressLine<P> {
  readonly report: (progress: P) => void;
  readonly end: () => void;
}

const EVERY_MS = 200;
const WIDTH = 30;

export function createProgressLine<P>(
  output: Output,
  show: (progress: P) => { readonly done: number; readonly total: number; readonly text: string },
): ProgressLine<P> {
  let last = 0;
  let shown = false;
  const bar = (progress: P): void => {
    const { done, total, text } = show(progress);
    const full = total === 0 ? 0 : Math.min(WIDTH, Math.floor((done / total) * WIDTH));
    const line = `[${'='.repeat(full).padEnd(WIDTH)}] ${done}/${total} ${text}`;
    const columns = process.stderr.columns ?? 80;
    process.stderr.write(`\r${line.slice(0, columns - 1)}\u001b[K`);
    shown = true;
  };
  return {
    report(progress) {
      const now = Date.now();
      if (now - last < EVERY_MS) return;
      last = now;
      if (output.json) process.stdout.write(`${JSON.stringify({ progress })}\n`);
      else if (process.stderr.isTTY) bar(progress);
    },
    end() {
      if (shown) process.stderr.write('\r\u001b[K');
    },
  };
}

/** The first Ctrl-C or SIGTERM ends what runs in an orderly way, the second one at once. */
export function interrupted(): { readonly signal: AbortSignal; readonly off: () => void } {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  return {
    signal: controller.signal,
    off() {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}

export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
