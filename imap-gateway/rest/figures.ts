/** What REST counts: requests by operation. */
import type { Counter, Metrics } from '#runtime/metrics/metrics.ts';

export function operationCounter(metrics: Metrics | undefined): (operation: string, status: number) => void {
  if (metrics === undefined) return () => undefined;
  const counters = new Map<string, Counter>();
  return (operation, status) => {
    const outcome = status < 400 ? 'ok' : status < 500 ? 'refused' : 'failed';
    const key = `${operation} ${outcome}`;
    const counter = counters.get(key) ?? metrics.counter('rest_requests_total', { operation, outcome });
    counters.set(key, counter);
    counter.add();
  };
}
