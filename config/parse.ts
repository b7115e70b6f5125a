/** TOML text to a checked `Config`. Pure: the file's name and the number of cores are arguments. Throws `ConfigError` with all problems. */
import { dirname, join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import type { Config } from './config.ts';
import { formatEndpoint, type Surroundings, show } from './kinds.ts';
import { ConfigError, nearest, type Problem, ValueError } from './problem.ts';
import { PROTOCOL_NAMES, PROTOCOLS } from './protocols.ts';
import { type Key, type SectionName, schema, toKebab } from './schema.ts';
import { isTable } from './tables.ts';

export interface ParseOptions {
  /** Absolute path; relative paths in the text count from its folder. */
  readonly file: string;
  readonly cores: number;
}

export function parseConfig(text: string, options: ParseOptions): Config {
  const table = parseToml(text, options.file);
  const around = { folder: dirname(options.file), cores: options.cores };
  const problems: Problem[] = [];
  const sectionNames = Object.keys(schema.sections);
  const top = readKeys(table, schema.top, '', around, problems, sectionNames);
  const sections = sectionNames.map((name) => {
    const value = table[name] ?? {};
    if (!isTable(value)) {
      problems.push({ key: name, found: show(value), expected: `a section [${name}]` });
      return [name, {}] as const;
    }
    return [name, readKeys(value, schema.sections[name as SectionName].keys, `${name}.`, around, problems)] as const;
  });
  // Every key went through the kind that `Schema` demands for it; what is missing stands in `problems`.
  const draft = { file: options.file, ...top, ...Object.fromEntries(sections) } as unknown as Config;
  const config = problems.some(({ key }) => key === 'data') ? draft : withLmtpSocket(draft);
  problems.push(...contradictions(config));
  if (problems.length > 0) throw new ConfigError(options.file, problems);
  return config;
}

function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text, { unsafeKeyBehaviour: 'throw' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = error.message] = error.message.split('\n');
    const found = `${reason.replace(/^Invalid TOML document: /, '')} in line ${error.line}, column ${error.column}`;
    throw new ConfigError(file, [{ key: '', found, expected: 'TOML (https://toml.io)' }]);
  }
}

function readKeys(
  table: Record<string, unknown>,
  keys: Readonly<Record<string, Key<unknown>>> | object,
  prefix: string,
  around: Surroundings,
  problems: Problem[],
  alsoKnown: readonly string[] = [],
): Record<string, unknown> {
  const entries = Object.entries(keys as Readonly<Record<string, Key<unknown>>>);
  const known = [...entries.map(([name]) => toKebab(name)), ...alsoKnown];
  for (const name of Object.keys(table)) {
    if (!known.includes(name)) problems.push(unknownKey(`${prefix}${name}`, name, prefix, known));
  }
  const values: Record<string, unknown> = {};
  for (const [name, declared] of entries) {
    const key = `${prefix}${toKebab(name)}`;
    const value = table[toKebab(name)] ?? declared.fallback;
    if (value === undefined) {
      if (declared.required) problems.push({ key, found: 'nothing', expected: declared.kind.expected });
      continue;
    }
    try {
      values[name] = declared.kind.parse(value, around);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      problems.push({ key, found: error.found, expected: error.expected });
    }
  }
  return values;
}

function unknownKey(key: string, name: string, prefix: string, known: readonly string[]): Problem {
  const meant = nearest(name, known) ?? elsewhere(name);
  const expected =
    meant === undefined ? `one of ${known.join(', ')}` : meant.includes('.') ? meant : `${prefix}${meant}`;
  return { key, found: 'a key that is not known', expected };
}

/** A key that was put into the wrong section. */
function elsewhere(name: string): string | undefined {
  for (const [section, { keys }] of Object.entries(schema.sections)) {
    if (Object.keys(keys).some((known) => toKebab(known) === name)) return `${section}.${name}`;
  }
  return undefined;
}

function withLmtpSocket(config: Config): Config {
  const lmtpUnix = config.listeners.lmtpUnix ?? join(config.data, 'run', 'lmtp.sock');
  return { ...config, listeners: { ...config.listeners, lmtpUnix } };
}

/** Values that are fine each, but not together. */
function contradictions(config: Config): Problem[] {
  const problems: Problem[] = [];
  const taken = new Map<string, string>();
  for (const protocol of PROTOCOL_NAMES) {
    const endpoints = config.listeners[protocol] ?? [];
    const key = `listeners.${protocol}`;
    if (endpoints.length > 0 && PROTOCOLS[protocol].program === undefined) {
      problems.push({ key, found: 'a protocol that Peerpost does not serve yet', expected: '"off"' });
    }
    for (const endpoint of endpoints) {
      const address = formatEndpoint(endpoint);
      const other = taken.get(address);
      if (other !== undefined)
        problems.push({
          key,
          found: `${address}, which is that of ${other}`,
          expected: 'an address and port of its own',
        });
      taken.set(address, key);
    }
  }
  const { certificate, key } = config.tls;
  if ((certificate === undefined) !== (key === undefined)) {
    const missing = certificate === undefined ? 'tls.certificate' : 'tls.key';
    problems.push({ key: missing, found: 'nothing', expected: 'a path, since its other half is given' });
  }
  const { smarthostUser, smarthostPasswordFile } = config.delivery ?? {};
  if ((smarthostUser === undefined) !== (smarthostPasswordFile === undefined)) {
    const missing = smarthostUser === undefined ? 'delivery.smarthost-user' : 'delivery.smarthost-password-file';
    problems.push({ key: missing, found: 'nothing', expected: 'a value, since its other half is given' });
  }
  const socketPath = config.listeners.lmtpUnix;
  if (socketPath !== undefined && Buffer.byteLength(socketPath) > 100) {
    // The system's limit is 107 octets on Linux and 103 elsewhere.
    problems.push({
      key: 'listeners.lmtp-unix',
      found: `a path of ${Buffer.byteLength(socketPath)} octets`,
      expected: 'at most 100: a shorter one, or a data folder with a shorter path',
    });
  }
  return problems;
}
