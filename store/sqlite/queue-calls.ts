/** The calls that the queue's thread, its socket and its clients agree on, as plain data. */
import type { Outcome, QueueId } from '../queue.ts';
import type { QueueAct, StorableEntry } from './queue-tables.ts';

export type QueueCall =
  | { readonly do: 'enqueue'; readonly entry: StorableEntry }
  | {
      readonly do: 'settle';
      readonly id: QueueId;
      readonly outcomes: readonly Outcome[];
      readonly reports: readonly StorableEntry[];
    }
  | { readonly do: 'act'; readonly action: QueueAct; readonly ids: readonly QueueId[] | 'all'; readonly now: number }
  | { readonly do: 'due'; readonly now: number; readonly limit: number; readonly except: readonly QueueId[] }
  | { readonly do: 'nextDue' | 'counts' }
  | { readonly do: 'get' | 'content'; readonly id: QueueId }
  | { readonly do: 'list'; readonly limit: number; readonly after: QueueId | undefined };

/** What changes something; the rest only reads. */
export const isChange = (call: QueueCall): boolean =>
  call.do === 'enqueue' || call.do === 'settle' || call.do === 'act';

export interface ThreadRequest {
  readonly number: number;
  readonly call: QueueCall;
}

export type ThreadAnswer = { readonly number: number } & ({ readonly value: unknown } | { readonly error: string });
