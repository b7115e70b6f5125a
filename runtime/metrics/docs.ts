/** `docs/metrics.md`, from the declarations. */
import { DECLARED, type Declared, PREFIX } from './declared.ts';

export function metricsMarkdown(): string {
  const lines = [
    '# Metrics',
    '',
    'Made from `runtime/metrics/declared.ts` by `node runtime/metrics/write-docs.ts`.',
    '',
    'Prometheus’ text format over HTTP: `GET /metrics` on the listener `metrics` (port 9100, on loopback unless configured otherwise; `metrics = "off"` ends it).',
    'Figures are sums over all processes of the peer, except where a label names the program or the worker. Counters survive restarts of programs; they begin anew',
    'with the supervisor. Of a process that was killed, what it counted in its last 5 seconds is lost.',
    '',
  ];
  for (const [name, declared] of Object.entries(DECLARED)) lines.push(...described(`${PREFIX}${name}`, declared), '');
  return lines.join('\n');
}

function described(name: string, { type, help, labels = {}, scope, buckets }: Declared): string[] {
  const added: Declared['labels'] =
    scope === undefined
      ? {}
      : {
          program: '`mta`, `mda`, `imap-gateway`, `supervisor`',
          ...(scope === 'worker' && { worker: 'its place among the workers of its program, from 0' }),
        };
  return [
    `## \`${name}\``,
    '',
    `${type[0]?.toUpperCase()}${type.slice(1)}. ${help}`,
    ...(buckets === undefined ? [] : ['', `Buckets: ${buckets.join(', ')}.`]),
    ...Object.entries({ ...added, ...labels }).flatMap(([label, values], i) => [
      ...(i === 0 ? [''] : []),
      `- \`${label}\`: ${values}`,
    ]),
  ];
}
