/** The configuration file: whatever stands in it, what is wrong is said, or it is read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatConfig } from '#config/format.ts';
import { initialConfig } from '#config/init.ts';
import { parseConfig } from '#config/parse.ts';
import { ConfigError } from '#config/problem.ts';
import type { Target } from '../target.ts';
import { refusing, roundTrip } from './kit.ts';

const OPTIONS = { file: '/srv/peerpost/peerpost.toml', cores: 4 };

export const config: Target = {
  name: 'config',
  dictionary: [
    'hostname = "a.test"\n',
    '[listeners]\n',
    '[delivery]\n',
    '[routes]\n',
    'retry = ["5m", 10]\n',
    'smtp = ["*:25", "[::1]:26"]\n',
    'workers = { mta = 2 }\n',
    '"lmtp:///x"',
    '"smtp://[::1]:25"',
    '"off"',
    'true',
    'inf',
    'nan',
    '-0.0',
    '1e309',
    '0x7fffffffffffffff',
    '1979-05-27T07:32:00Z',
    '[[',
    ']]',
    '{',
    '}',
    '"""',
    "'''",
    '\\u0000',
    '\\uD800',
    '#',
    '=',
    '.',
    '__proto__',
    'constructor',
    'toString',
    '"',
    '\n',
    '\r',
    '\0',
    '\xff',
  ],
  seeds: () => [
    readFileSync(join(import.meta.dirname, '../../../config/example.toml')),
    Buffer.from(initialConfig({ domain: 'beta.test', portBase: 10_000 })),
    Buffer.from(
      'hostname = "mx.beta.test"\n[routes]\n"far.test" = "smtp://127.0.0.1:2525"\n[limits]\nmessage-size = "10MB"\n',
    ),
  ],
  run(input) {
    const text = input.toString('utf8');
    const read = refusing(() => parseConfig(text, OPTIONS), ConfigError);
    if (read !== undefined) roundTrip(read, () => parseConfig(formatConfig(read), OPTIONS));
  },
};
