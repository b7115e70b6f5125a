/** What POP3 sessions count. */
import type { Counter, Metrics } from '#runtime/metrics/metrics.ts';

export type Answered = (command: string, ok: boolean, ms: number) => void;

export function commandCounter(metrics: Metrics): Answered {
  const seconds = metrics.histogram('pop3_command_seconds');
  const counters = new Map<string, Counter>();
  return (command, ok, ms) => {
    const key = `${command} ${ok}`;
    let counter = counters.get(key);
    if (counter === undefined) {
      counter = metrics.counter('pop3_commands_total', { command, result: ok ? 'ok' : 'err' });
      counters.set(key, counter);
    }
    counter.add();
    seconds.observe(ms / 1_000);
  };
}
