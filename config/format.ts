/** A `Config` as TOML: `parseConfig(formatConfig(c))` equals `c`. */
import type { Config } from './config.ts';
import { type Key, schema, toKebab } from './schema.ts';

type Keys = Readonly<Record<string, Key<unknown>>>;

export function formatConfig(config: Config): string {
  const lines = formatKeys(schema.top as Keys, config);
  for (const [name, { keys }] of Object.entries(schema.sections)) {
    lines.push('', `[${name}]`, ...formatKeys(keys as Keys, config[name as keyof Config]));
  }
  return `${lines.join('\n')}\n`;
}

function formatKeys(keys: Keys, values: unknown): string[] {
  const table = values as Readonly<Record<string, unknown>>;
  return Object.entries(keys)
    .filter(([name]) => table[name] !== undefined)
    .map(([name, { kind }]) => `${toKebab(name)} = ${kind.format(table[name])}`);
}
