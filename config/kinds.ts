/** The kinds of values that a key can have: what is expected, in words, and how it is read and written. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { isAbsolute, join, normalize } from 'node:path';
import type { Endpoint, Route } from './config.ts';
import { ValueError } from './problem.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

/** What a value's reading may depend on. */
export interface Surroundings {
  /** Absolute folder from which relative paths count. */
  readonly folder: string;
  /** What `"auto"` workers mean. */
  readonly cores: number;
}

export interface Kind<T> {
  /** Completes "expected …". */
  readonly expected: string;
  /** Throws `ValueError`. */
  parse(value: unknown, around: Surroundings): T;
  /** TOML text. */
  format(value: T): string;
}

export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'bigint') return String(value);
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** A kind that is written as a TOML string. */
function textual<T>(
  expected: string,
  read: (text: string, around: Surroundings) => T | undefined,
  write: (value: T) => string,
): Kind<T> {
  return {
    expected,
    parse(value, around) {
      const result = typeof value === 'string' ? read(value, around) : undefined;
      if (result === undefined) throw new ValueError(show(value), expected);
      return result;
    },
    format: (value) => JSON.stringify(write(value)),
  };
}

export const text = (expected: string): Kind<string> => textual(expected, (t) => (t === '' ? undefined : t), String);
/** A number is seconds, as durations are in everything that Peerpost prints as JSON. */
export function duration(least = 0): Kind<number> {
  const expected = `a duration such as "30s", "5m", "4h" or "5d", or a number of seconds${least > 0 ? `, at least "${formatDuration(least)}"` : ''}`;
  return {
    expected,
    parse(value) {
      const seconds = typeof value === 'number' && value >= 0 ? withoutSign(Math.round(value * 1000)) : undefined;
      const milliseconds = above(typeof value === 'string' ? parseDuration(value) : seconds, least);
      if (milliseconds === undefined || !Number.isSafeInteger(milliseconds))
        throw new ValueError(show(value), expected);
      return milliseconds;
    },
    format: (milliseconds) => JSON.stringify(formatDuration(milliseconds)),
  };
}

export const domainName: Kind<string> = textual(
  'a domain name such as "mx.example.org"',
  (t) => (isDomainName(t) ? t.toLowerCase() : undefined),
  String,
);
/** Relative paths count from the folder of the file. */
export const path: Kind<string> = textual(
  'a path',
  (t, { folder }) => (t === '' ? undefined : trimSlash(normalize(isAbsolute(t) ? t : join(folder, t)))),
  String,
);
export const network: Kind<string> = textual(
  'an address or network such as "127.0.0.0/8" or "::1"',
  (t) => (isNetwork(t) ? t : undefined),
  String,
);
/** RFC 6454 §6.1, as browsers send it in `Origin`. */
export const origin: Kind<string> = textual(
  'an origin such as "https://app.example.org"',
  (t) => (isOrigin(t) ? t : undefined),
  String,
);
export const oneOf = <T extends string>(...choices: readonly T[]): Kind<T> =>
  textual(`one of ${choices.map((c) => `"${c}"`).join(', ')}`, (t) => choices.find((c) => c === t), String);

/** An IP address with a port; `*` stands for all addresses where `wildcard` allows it. */
export function endpoint(options: { readonly wildcard?: boolean; readonly defaultPort?: number }): Kind<Endpoint> {
  const expected = `an address and port such as "127.0.0.1:${options.defaultPort ?? 25}"${options.wildcard ? ' or "*:25" for all addresses' : ''}`;
  return textual(
    expected,
    (t) => {
      const { host, port } = splitEndpoint(t, options.defaultPort);
      if (isIP(host) === 0 && !(options.wildcard && host === '*')) return undefined;
      return port === undefined ? undefined : { host, port };
    },
    formatEndpoint,
  );
}

/** `smtp://host:port`, `smtps://host:port`, `lmtp://host:port`, `lmtp:///path/to/socket`. */
export const route: Kind<Route> = textual(
  'a route such as "smtp://relay.example.org:25" or "lmtp:///run/lmtp.sock"',
  parseRoute,
  formatRoute,
);

/** TOML knows -0.0, which is nobody's amount: 0. */
function withoutSign(amount: number): number {
  return amount === 0 ? 0 : amount;
}

export function size(): Kind<number> {
  const expected = 'a size such as "25MB", or a number of octets';
  return {
    expected,
    parse(value) {
      const octets = typeof value === 'string' ? parseSize(value) : value;
      if (typeof octets !== 'number' || !Number.isSafeInteger(octets) || octets < 0)
        throw new ValueError(show(value), expected);
      return withoutSign(octets);
    },
    format: (octets) => JSON.stringify(formatSize(octets)),
  };
}

export function integer(least: number, most: number): Kind<number> {
  const expected = `a whole number from ${least} to ${most}`;
  return {
    expected,
    parse(value) {
      if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
        throw new ValueError(show(value), expected);
      }
      return withoutSign(value);
    },
    format: String,
  };
}

export const port: Kind<number> = integer(1, 65_535);

export const flag: Kind<boolean> = {
  expected: 'true or false',
  parse(value) {
    if (typeof value !== 'boolean') throw new ValueError(show(value), 'true or false');
    return value;
  },
  format: String,
};

export function list<T>(item: Kind<T>, options: { readonly least?: number } = {}): Kind<readonly T[]> {
  const expected = `a list, each ${item.expected}`;
  return {
    expected,
    parse(value, around) {
      if (!Array.isArray(value) || value.length < (options.least ?? 0)) throw new ValueError(show(value), expected);
      return value.map((entry) => item.parse(entry, around));
    },
    format: (values) => `[${values.map((value) => item.format(value)).join(', ')}]`,
  };
}

/** One, several, or `"off"`. */
export function oneOrMore<T>(item: Kind<T>): Kind<readonly T[]> {
  const expected = `${item.expected}, a list of them, or "off"`;
  return {
    expected,
    parse(value, around) {
      if (value === 'off') return [];
      const values = Array.isArray(value) ? value : [value];
      if (values.length === 0) throw new ValueError(show(value), expected);
      return values.map((entry) => item.parse(entry, around));
    },
    format: (values) => {
      const [only] = values;
      if (only === undefined) return '"off"';
      return values.length === 1 ? item.format(only) : `[${values.map((value) => item.format(value)).join(', ')}]`;
    },
  };
}

export function isDomainName(name: string): boolean {
  // RFC 5321 §4.5.3.1.2: at most 255 octets; RFC 1035 §2.3.4: a label has at most 63.
  return (
    name.length <= 253 &&
    /^(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/i.test(name) &&
    isIP(name) === 0
  );
}

export function formatEndpoint({ host, port: number }: Endpoint): string {
  return isIPv6(host) ? `[${host}]:${number}` : `${host}:${number}`;
}

export function splitEndpoint(text: string, defaultPort?: number): { host: string; port: number | undefined } {
  if (isIP(text) !== 0) return { host: text, port: defaultPort };
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const digits = match?.[3];
  const number = digits === undefined ? defaultPort : Number(digits);
  return { host, port: number !== undefined && number >= 1 && number <= 65_535 ? number : undefined };
}

function isNetwork(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128));
}

function parseRoute(text: string): Route | undefined {
  const match = /^(smtps?|lmtp):\/\/(.+)$/.exec(text);
  if (match === null) return undefined;
  const protocol = match[1] === 'lmtp' ? 'lmtp' : 'smtp';
  const rest = match[2] ?? '';
  if (rest.startsWith('/')) return protocol === 'lmtp' ? { protocol, host: '', port: 0, path: rest } : undefined;
  const implicit = match[1] === 'smtps';
  const { host, port: number } = splitEndpoint(rest, protocol === 'lmtp' ? 24 : implicit ? 465 : 25);
  if (number === undefined || !(isIP(host) !== 0 || isDomainName(host))) return undefined;
  return { protocol, host, port: number, ...(implicit && { implicitTls: true as const }) };
}

function formatRoute({ protocol, path: socket, implicitTls, ...address }: Route): string {
  return `${protocol}${implicitTls === true ? 's' : ''}://${socket ?? formatEndpoint(address)}`;
}

function trimSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function above(value: number | undefined, least: number): number | undefined {
  return value !== undefined && value >= least ? value : undefined;
}

function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
