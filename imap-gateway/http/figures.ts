/** What the http listeners count. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '#runtime/ambient.ts';
import type { Counter, Metrics } from '#runtime/metrics/metrics.ts';

const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];

/** Ask it when a request begins, and tell it who handles it. `done` is called with the milliseconds up to the end of the answer. */
export function requestFigures(metrics: Metrics, clock: Clock) {
  const seconds = metrics.histogram('http_request_seconds');
  const counters = new Map<string, Counter>();
  const count = (handler: string, status: string): void => {
    const key = `${handler} ${status}`;
    const counter = counters.get(key) ?? metrics.counter('http_requests_total', { handler, status });
    counters.set(key, counter);
    counter.add();
  };
  return (_request: IncomingMessage, response: ServerResponse) => {
    const began = clock.now();
    return (handler: string, done: (ms: number) => void): void => {
      const finish = (): void => {
        const ms = clock.now() - began;
        const status = response.writableFinished
          ? (CLASSES[Math.floor(response.statusCode / 100) - 1] ?? '5xx')
          : 'gone';
        count(handler, status);
        seconds.observe(ms / 1_000);
        done(ms);
      };
      if (response.writableFinished || response.destroyed) finish();
      else response.once('close', finish);
    };
  };
}
