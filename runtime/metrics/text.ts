/** Prometheus' text format, version 0.0.4. */
import { DECLARED, type Declared, type MetricName, PREFIX } from './declared.ts';
import type { Snapshot } from './metrics.ts';

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function metricsText(samples: Snapshot): string {
  const byName = Map.groupBy(samples, ([name]) => name);
  let text = '';
  for (const name of Object.keys(DECLARED) as MetricName[]) {
    const family = byName.get(name);
    if (family === undefined) continue;
    const declared: Declared = DECLARED[name];
    const full = PREFIX + name;
    const help = declared.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
    text += `# HELP ${full} ${help}\n# TYPE ${full} ${declared.type}\n`;
    for (const [, labels, value] of family.toSorted(([, a], [, b]) => (a < b ? -1 : 1))) {
      if (typeof value === 'number') text += line(full, labels, value);
      else text += histogram(full, labels, declared.buckets ?? [], value);
    }
  }
  return text;
}

function histogram(name: string, labels: string, bounds: readonly number[], value: readonly number[]): string {
  let text = '';
  let count = 0;
  for (const [i, bound] of [...bounds, '+Inf'].entries()) {
    count += value[i] ?? 0;
    text += line(`${name}_bucket`, `${labels}${labels === '' ? '' : ','}le="${bound}"`, count);
  }
  return text + line(`${name}_sum`, labels, value[bounds.length + 1] ?? 0) + line(`${name}_count`, labels, count);
}

function line(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${value}\n`;
}
