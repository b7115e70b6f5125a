/**
 * The configuration file beside the settings: shown, and a change of it checked and told. It isn't applied from here: the file is the admin's, usually not
 * writable for the service's own user, and a peer that could rewrite its listeners and keys over the network would be one stolen token away from anybody.
 */
import type { Config } from '#config/config.ts';
import { formatConfig } from '#config/format.ts';
import { parseConfig } from '#config/parse.ts';
import { ConfigError, formatProblem } from '#config/problem.ts';

export interface ConfigurationChange {
  /** As it stands in the file: `limits.message-size`. */
  readonly key: string;
  /** As TOML values; null where there is none. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface ConfigurationPlan {
  readonly changes: readonly ConfigurationChange[];
  /** Of these, keys that say where this peer listens. */
  readonly listeners: readonly string[];
  readonly problems: readonly { readonly target: string; readonly message: string }[];
}

/** What is in effect, defaults too. Secrets are none of it: they stand in files that it names. */
export const showConfiguration = (config: Config): { readonly file: string; readonly toml: string } => ({
  file: config.file,
  toml: formatConfig(config),
});

/** @param toml the whole new file; relative paths count from where the present one is. */
export function planConfiguration(config: Config, toml: string): ConfigurationPlan {
  let wanted: Config;
  try {
    wanted = parseConfig(toml, { file: config.file, cores: config.workers.mta });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.problems.map((problem) => ({ target: problem.key, message: formatProblem(problem) }));
    return { changes: [], listeners: [], problems };
  }
  const [before, after] = [valuesOf(config), valuesOf(wanted)];
  const keys = [...new Set([...before.keys(), ...after.keys()])].filter((key) => before.get(key) !== after.get(key));
  const changes = keys.map((key) => ({ key, before: before.get(key) ?? null, after: after.get(key) ?? null }));
  return { changes, listeners: keys.filter((key) => key.startsWith('listeners.')), problems: [] };
}

/** Every key in effect with its value, as TOML writes it: one a line. */
function valuesOf(config: Config): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let section = '';
  for (const line of formatConfig(config).split('\n')) {
    const [, name] = /^\[(.+)\]$/.exec(line) ?? [];
    if (name !== undefined) section = `${name}.`;
    const [, key, value] = /^([\w-]+) = (.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) values.set(`${section}${key}`, value);
  }
  return values;
}
