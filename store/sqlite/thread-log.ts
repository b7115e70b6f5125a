/** The log of a thread: its lines are written by the thread that started it. */
import type { Log } from '#runtime/ambient.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

export function threadLog(post: (line: LogLine) => void, bound: object = {}): Log {
  const at = (level: LogLine['level']) => (fields: object, message: string) => {
    post({ level, fields: { ...bound, ...plain(fields) }, message });
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => threadLog(post, { ...bound, ...fields }),
  };
}

export const writeLine = (log: Log, { level, fields, message }: LogLine): void => log[level](fields, message);

/** Structured clone keeps little of an error. */
function plain(fields: object): object {
  const { err } = fields as { err?: unknown };
  if (!(err instanceof Error)) return fields;
  const { name, message, stack } = err;
  const cause = err.cause instanceof Error ? err.cause.message : undefined;
  return { ...fields, err: { name, message, stack, ...(cause !== undefined && { cause }) } };
}
