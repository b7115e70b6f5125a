/** What REST counts: requests by operation. */
import type { Metrics } from '#runtime/metrics/metrics.ts';

export function operationCounter(metrics: Metrics | undefined): (operation: string, status: number) => void {
  if (metrics === undefined) return () => undefined;
  return (operation, status) => {
    const outcome = status < 400 ? 'ok' : status < 500 ? 'refused' : 'failed';
    metrics.counter('rest_requests_total', { operation, outcome }).add();
  };
}
