/**
 * The log: one line of JSON an event on standard error (pino), or text for people. What is said within some milliseconds leaves in one system call; a warning
 * or an error takes all before it along at once, and the end of the process too, so that the last words of a crash are not lost. A process that is killed
 * takes what it said last along.
 */
import { isatty } from 'node:tty';
import { destination, pino, stdSerializers } from 'pino';
import type { Log } from './ambient.ts';
import { formatLine } from './log-text.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: 'auto' | 'json' | 'pretty';
  /** Stands in every line: `{ program: 'mta' }`. */
  readonly fields: object;
  /** Hears of every error. */
  readonly troubled?: (what: string, why: string | undefined) => void;
  /** Where lines go, for tests; standard error otherwise. */
  readonly write?: (line: string) => void;
}

export interface Logger extends Log {
  /** For this log and all its children. */
  setLevel(level: LogLevel): void;
}

const RANK = { debug: 20, info: 30, warn: 40, error: 50 } as const;
const STDERR = 2;

export function createLogger(options: LoggerOptions): Logger {
  const pretty = options.format === 'pretty' || (options.format === 'auto' && isatty(STDERR));
  const sink: Sink = options.write === undefined ? gathering() : { write: options.write, flush: () => undefined };
  const stream = pretty ? { write: (line: string) => sink.write(formatLine(line, isatty(STDERR))) } : sink;
  const root = pino(
    {
      level: 'debug',
      base: options.fields,
      timestamp: isoTime(),
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: serializeError, err: serializeError },
    },
    stream,
  );
  // The level is ours and not pino's, because children of pino don't follow a change.
  const state = { least: RANK[options.level] as number, troubled: options.troubled };
  return Object.assign(wrap(root, state, sink), {
    setLevel(level: LogLevel) {
      state.least = RANK[level];
    },
  });
}

interface Sink {
  write(line: string): void;
  flush(): void;
}

/** Characters that are not gathered beyond, and milliseconds that they wait. */
const GATHER = 65_536;
const WAIT_MS = 50;

/** pino's own writes the date anew for each line; many fall into one millisecond. */
function isoTime(): () => string {
  let last = 0;
  let text = '';
  return () => {
    const now = Date.now();
    if (now !== last) text = `,"time":"${new Date(now).toISOString()}"`;
    last = now;
    return text;
  };
}

/** pino's own gathering would sync the file at each flush. */
function gathering(): Sink {
  const stderr = destination({ dest: STDERR, sync: true });
  let text = '';
  const flush = (): void => {
    if (text !== '') stderr.write(text);
    text = '';
  };
  process.on('exit', flush);
  return {
    write(line) {
      if (text === '') setTimeout(flush, WAIT_MS).unref();
      text += line;
      if (text.length > GATHER) flush();
    },
    flush,
  };
}

function serializeError(error: unknown): unknown {
  return error instanceof Error ? withoutOctets(stdSerializers.err(error), 0) : error;
}

/** Parsers put what they choked on into their errors (`rawPacket` of node:http): it may be a password. @param depth of the error among its causes. */
function withoutOctets(error: object, depth: number): object {
  const entries = Object.entries(error).map(([name, value]: [string, unknown]) => {
    if (ArrayBuffer.isView(value)) return [name, `${value.byteLength} octets`];
    const isError = typeof value === 'object' && value !== null && 'stack' in value;
    return [name, isError && depth < MOST_CAUSES ? withoutOctets(value, depth + 1) : value];
  });
  return Object.fromEntries(entries) as object;
}

const MOST_CAUSES = 5;

interface PinoLike {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): PinoLike;
}

interface State {
  least: number;
  readonly troubled: LoggerOptions['troubled'];
}

/** The words of the error among the fields, or what else is called a reason. */
function reasonIn(fields: object): string | undefined {
  const { error, err, reason } = fields as { error?: unknown; err?: unknown; reason?: unknown };
  const why = error ?? err ?? reason;
  if (why instanceof Error) return why.cause instanceof Error ? `${why.message}: ${why.cause.message}` : why.message;
  if (typeof why === 'object' && why !== null && 'message' in why) return String(why.message);
  return typeof why === 'string' ? why : undefined;
}

function wrap(target: PinoLike, state: State, sink: Sink): Log {
  return {
    debug(fields, message) {
      if (state.least <= RANK.debug) target.debug(fields, message);
    },
    info(fields, message) {
      if (state.least <= RANK.info) target.info(fields, message);
    },
    warn(fields, message) {
      if (state.least > RANK.warn) return;
      target.warn(fields, message);
      sink.flush();
    },
    error(fields, message) {
      target.error(fields, message);
      sink.flush();
      state.troubled?.(message, reasonIn(fields));
    },
    child: (fields) => wrap(target.child(fields), state, sink),
  };
}
