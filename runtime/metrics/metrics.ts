/**
 * What a process counts of itself (DESIGN §1: an argument, like the log). Counting is an addition: ask for a counter once where it is hot.
 * The supervisor asks for snapshots, sums them over all processes, and keeps what ended ones had counted (`totals.ts`).
 */
import { DECLARED, type Declared, type LabelArguments, type MetricName, type NamesOf } from './declared.ts';

export interface Counter {
  add(amount?: number): void;
}

export interface Gauge {
  set(value: number): void;
}

export interface Histogram {
  /** In the unit of its name: seconds. */
  observe(value: number): void;
}

/** `[name, labels as text, value]`; a histogram's value is the count of each bucket, +Inf last, then the sum. */
export type Sample = readonly [name: MetricName, labels: string, value: number | readonly number[]];
export type Snapshot = readonly Sample[];

export interface Metrics {
  counter<N extends NamesOf<'counter'>>(name: N, ...labels: LabelArguments<N>): Counter;
  gauge<N extends NamesOf<'gauge'>>(name: N, ...labels: LabelArguments<N>): Gauge;
  histogram<N extends NamesOf<'histogram'>>(name: N, ...labels: LabelArguments<N>): Histogram;
  /** `refresh` is called before somebody looks at all figures: for those that are read somewhere. The returned function ends that. */
  beforeLook(refresh: () => Promise<void> | void): () => void;
  /** As it is now. Synchronous, so that it can be the last act of a process. */
  snapshot(): Snapshot;
  /** The same after everybody who asked for it has refreshed. A refresh that fails leaves its figures as they were. */
  look(): Promise<Snapshot>;
}

/** A label whose values turn out to be many is a mistake of ours; it must not fill the memory. */
const MOST_SERIES = 400;

class Value implements Counter, Gauge {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }
}

class Buckets implements Histogram {
  readonly #bounds: readonly number[];
  readonly value: number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.value = Array.from({ length: bounds.length + 2 }, () => 0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let i = 0;
    while (i < bounds.length && value > (bounds[i] as number)) i++;
    (this.value[i] as number)++;
    (this.value[bounds.length + 1] as number) += value;
  }
}

export function createMetrics(): Metrics {
  const all = new Map<MetricName, Map<string, Value | Buckets>>();
  const refreshing = new Set<() => Promise<void> | void>();
  const series = <S extends Value | Buckets>(name: MetricName, labels: object | undefined, make: () => S): S => {
    const family = all.get(name) ?? new Map<string, Value | Buckets>();
    all.set(name, family);
    let key = labels === undefined ? '' : labelText(labels);
    if (family.size >= MOST_SERIES && !family.has(key)) key = labelText(mapped(labels ?? {}));
    const found = family.get(key) ?? make();
    family.set(key, found);
    return found as S;
  };
  const snapshot = (): Snapshot => {
    const samples: Sample[] = [];
    for (const [name, family] of all) {
      for (const [labels, { value }] of family)
        samples.push([name, labels, typeof value === 'number' ? value : [...value]]);
    }
    return samples;
  };
  return {
    counter: (name, ...[labels]) => series(name, labels, () => new Value()),
    gauge: (name, ...[labels]) => series(name, labels, () => new Value()),
    histogram: (name, ...[labels]) => {
      const declared: Declared = DECLARED[name];
      return series(name, labels, () => new Buckets(declared.buckets ?? []));
    },
    beforeLook(refresh) {
      refreshing.add(refresh);
      return () => refreshing.delete(refresh);
    },
    snapshot,
    async look() {
      await Promise.allSettled(Array.from(refreshing, async (refresh) => refresh()));
      return snapshot();
    },
  };
}

const mapped = (labels: object): object => Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']));

/** `a="x",b="y"` as the text format has it, in the order in which they are given: one place in the code makes a series. */
export function labelText(labels: object): string {
  let text = '';
  for (const [name, value] of Object.entries(labels)) {
    const shown = String(value);
    text += `${text === '' ? '' : ','}${name}="${ODD.test(shown) ? escapeLabel(shown) : shown}"`;
  }
  return text;
}

const ODD = /["\\\n]/;

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
