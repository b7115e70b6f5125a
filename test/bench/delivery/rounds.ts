/** Systems by turns, several rounds: noise of the machine meets all of them. Each trial lasts about as long as asked, by the rate of the one before. */
export interface Measured {
  readonly rate: number;
}

export interface Contender<R extends Measured> {
  readonly name: string;
  readonly measure: (messages: number) => Promise<R>;
}

export interface RoundOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Messages of the very first trial. It and a whole round behind it warm up, and are not counted. */
  readonly first: number;
}

export async function interleave<R extends Measured>(
  contenders: readonly Contender<R>[],
  options: RoundOptions,
): Promise<R[][]> {
  const rates: number[] = [];
  for (const { measure } of contenders) rates.push((await measure(options.first)).rate);
  const results: R[][] = contenders.map(() => []);
  for (let round = 0; round <= options.rounds; round++) {
    for (const [i, { measure }] of contenders.entries()) {
      const result = await measure(Math.max(options.first, Math.round((rates[i] ?? 1) * options.seconds)));
      rates[i] = result.rate;
      if (round > 0) results[i]?.push(result);
    }
  }
  return results;
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

export const middle = <R>(results: readonly R[], of: (result: R) => number): number => median(results.map(of));

/** `12 (11–14)`: the median, the least and the greatest. */
export function spread(values: readonly number[]): string {
  const digits = median(values) < 10 ? 2 : median(values) < 100 ? 1 : 0;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

/** Of the same round, one divided by the other. */
export const ratios = <R extends Measured>(ours: readonly R[], theirs: readonly R[]): number[] =>
  ours.map((result, i) => result.rate / (theirs[i]?.rate ?? Number.NaN));
