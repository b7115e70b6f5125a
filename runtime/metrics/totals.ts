/**
 * The sums over all processes, in the supervisor. What an ended process had counted stays, so counters never go back. Of one that was killed,
 * what it counted since its last snapshot (seconds ago) is lost.
 */
import { DECLARED, type Declared, type MetricName } from './declared.ts';
import { labelText, type Sample, type Snapshot } from './metrics.ts';

/** Whose figures they are. */
export interface Origin {
  readonly program: string;
  readonly worker: number;
}

type Family = Map<string, number | number[]>;

export class Totals {
  readonly #ended = new Map<MetricName, Family>();

  /** Keeps what only grows of a process that has ended. */
  retire(origin: Origin, last: Snapshot): void {
    const growing = last.filter(([name]) => DECLARED[name].type !== 'gauge');
    for (const sample of growing) addTo(this.#ended, origin, sample);
  }

  sum(living: readonly { readonly origin: Origin; readonly snapshot: Snapshot }[]): Snapshot {
    const sums = new Map<MetricName, Family>();
    for (const [name, family] of this.#ended) {
      for (const [labels, value] of family) add(sums, name, labels, value);
    }
    for (const { origin, snapshot } of living) for (const sample of snapshot) addTo(sums, origin, sample);
    return [...sums].flatMap(([name, family]) =>
      Array.from(family, ([labels, value]): Sample => [name, labels, value]),
    );
  }
}

function addTo(sums: Map<MetricName, Family>, origin: Origin, [name, labels, value]: Sample): void {
  // A process with newer code may count what this one doesn't know.
  const declared: Declared | undefined = DECLARED[name];
  if (declared === undefined) return;
  const { program, worker } = origin;
  const added =
    declared.scope === 'worker'
      ? labelText({ program, worker })
      : declared.scope === 'program'
        ? labelText({ program })
        : '';
  add(sums, name, labels === '' || added === '' ? labels + added : `${added},${labels}`, value);
}

function add(sums: Map<MetricName, Family>, name: MetricName, labels: string, value: number | readonly number[]): void {
  const family: Family = sums.get(name) ?? new Map();
  sums.set(name, family);
  const sum = family.get(labels);
  if (typeof value === 'number') family.set(labels, typeof sum === 'number' ? sum + value : value);
  else if (Array.isArray(sum) && sum.length === value.length)
    family.set(
      labels,
      sum.map((n, i) => n + (value[i] ?? 0)),
    );
  // Buckets that another version of the code cut differently can't be added up: the newer ones count.
  else family.set(labels, [...value]);
}
