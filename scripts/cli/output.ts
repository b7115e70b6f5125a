/** How every command speaks: results on standard output, one clear line on standard error when something is wrong, exit codes 0, 1 and 2. */
import { MailError } from '#mail/failure.ts';

/** The command was used wrongly: exit 2. */
export class UsageError extends Error {}

/** Something went wrong that the person can mend: exit 1. */
export class CommandError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
    this.code = code;
  }
}

export interface Output {
  readonly json: boolean;
  /** Prints `value` as one line of JSON with `--json`, else the text. */
  result(value: unknown, text: () => string): void;
  error(error: unknown): number;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    result(value, text) {
      const line = json ? JSON.stringify(value) : text();
      if (line !== '') process.stdout.write(`${line}\n`);
    },
    error(error) {
      const { code, message, status } = describe(error);
      process.stderr.write(`peerpost: ${message}\n`);
      if (json) process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
      return status;
    },
  };
}

function describe(error: unknown): { code: string; message: string; status: 1 | 2 } {
  if (error instanceof UsageError) return { code: 'usage', message: harmless(error.message), status: 2 };
  if (error instanceof CommandError) return { code: error.code, message: oneLine(error.message), status: 1 };
  if (error instanceof MailError) return { code: error.failure, message: oneLine(error.message), status: 1 };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'failed', message: oneLine(message), status: 1 };
}

const oneLine = (text: string) => harmless(text.split(/\r?\n/).filter(Boolean).join('; '));

/** What other servers said, or somebody has put into a name, may hold what a terminal obeys. */
export const harmless = (text: string): string =>
  text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');

/** Columns padded to their widest cell; the last is left as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(harmless));
  const widths = head.map((title, column) => Math.max(title.length, ...shown.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [head, ...shown].map(line).join('\n');
}

/** `1.4 GB`, of 1,024 each: who sets `5GB` reads 5 GB again, here and on the pages. */
export function octets(size: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = size;
  let unit = 0;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 99.5 ? Math.round(value) : Number(value.toFixed(1))} ${units[unit]}`;
}

export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
