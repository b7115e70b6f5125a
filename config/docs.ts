/** `example.toml` and `reference.md`, made from the schema. `node config/write-docs.ts` writes them; a test checks that they are fresh. */
import { type Key, schema, toKebab } from './schema.ts';

type Keys = Readonly<Record<string, Key<unknown>>>;

const OPTIONAL_EXAMPLES: Readonly<Record<string, string>> = {
  hostname: '"mx.example.org"',
  user: '"peerpost"',
  'listeners.lmtp-unix': '"run/lmtp.sock"',
  'delivery.smarthost': '"smtp://relay.example.org:25"',
  'delivery.smarthost-user': '"peer@example.org"',
  'delivery.smarthost-password-file': '"/etc/peerpost/smarthost-password"',
  'delivery.smarthost-certificates': '"/etc/peerpost/authorities.pem"',
  'tls.certificate': '"/etc/peerpost/fullchain.pem"',
  'tls.key': '"/etc/peerpost/privkey.pem"',
};

export function exampleToml(): string {
  const lines = [
    '# Every key of peerpost.toml with its default, made from config/schema.ts. A key that is commented out has no default.',
    '',
    ...exampleKeys(schema.top as Keys, ''),
  ];
  for (const [name, { doc, keys }] of Object.entries(schema.sections)) {
    lines.push('', `# ${doc}`, `[${name}]`, '', ...exampleKeys(keys as Keys, `${name}.`));
  }
  return `${lines.join('\n')}\n`;
}

function exampleKeys(keys: Keys, prefix: string): string[] {
  return Object.entries(keys).flatMap(([name, { doc, fallback, required }]) => {
    const key = toKebab(name);
    const value = fallback === undefined ? (OPTIONAL_EXAMPLES[`${prefix}${key}`] ?? '""') : toToml(fallback);
    return [`# ${doc}`, `${fallback === undefined && !required ? '# ' : ''}${key} = ${value}`];
  });
}

export function referenceMarkdown(): string {
  const lines = [
    '# Configuration reference',
    '',
    'Made from `config/schema.ts` by `node config/write-docs.ts`. The file is TOML; unknown keys are errors.',
    'Durations are written `"30s"`, `"5m"`, `"4h"`, `"5d"`, sizes `"25MB"` (1 MB is 1,048,576 octets).',
    '',
    ...referenceKeys(schema.top as Keys),
  ];
  for (const [name, { doc, keys }] of Object.entries(schema.sections)) {
    lines.push('', `## [${name}]`, '', doc, '', ...referenceKeys(keys as Keys));
  }
  return `${lines.join('\n')}\n`;
}

function referenceKeys(keys: Keys): string[] {
  return Object.entries(keys).map(([name, { kind, doc, fallback, required }]) => {
    const standard = required
      ? 'Required.'
      : fallback === undefined
        ? 'No default.'
        : `Default: \`${toToml(fallback)}\`.`;
    return `- **\`${toKebab(name)}\`**: ${kind.expected}. ${standard} ${doc}`;
  });
}

function toToml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toToml).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return '{}';
  return JSON.stringify(value);
}
