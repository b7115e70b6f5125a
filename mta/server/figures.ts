/** What the receiving side counts. */
import type { Reply } from '#mail/smtp/reply.ts';
import type { Counter, Metrics } from '#runtime/metrics/metrics.ts';
import { outcomeOf, reasonOf } from '#runtime/metrics/replies.ts';
import type { MessageSink } from '../message-sink.ts';
import type { ListenerKind } from './services.ts';

/** Counts the replies of one listener. What was looked up once is found by a short key: this runs for each reply. */
function replyCounter(
  metrics: Metrics,
  listener: ListenerKind,
  isKnown: (verb: string) => boolean,
): (verb: string, reply: Reply) => void {
  const counters = new Map<string, Counter>();
  return (verb, reply) => {
    const command = isKnown(verb) ? verb : 'unknown';
    const key = `${command} ${reply.code} ${reply.enhanced ?? ''}`;
    let counter = counters.get(key);
    if (counter === undefined) {
      const labels = { listener, command, outcome: outcomeOf(reply), reason: reasonOf(reply) };
      counter = metrics.counter('smtp_replies_total', labels);
      counters.set(key, counter);
    }
    counter.add();
  };
}

/** Counts messages, by what the sink answers. */
function countedSink(sink: MessageSink, metrics: Metrics, listener: ListenerKind): MessageSink {
  const accepted = metrics.counter('smtp_messages_total', { listener, outcome: 'accepted', reason: 'none' });
  const octets = metrics.counter('smtp_message_bytes_total', { listener });
  return {
    async accept(message) {
      const reply = await sink.accept(message);
      const outcome = outcomeOf(reply);
      if (outcome === 'ok') {
        const { content } = message;
        accepted.add();
        octets.add('data' in content ? content.data.length : content.size);
      } else metrics.counter('smtp_messages_total', { listener, outcome, reason: reasonOf(reply) }).add();
      return reply;
    },
  };
}

/** Of one listener. */
export interface Figures {
  readonly sink: MessageSink;
  replied(commands: object): (verb: string, reply: Reply) => void;
}

export function figuresFor(sink: MessageSink, metrics: Metrics): (kind: ListenerKind) => Figures {
  const made = new Map<ListenerKind, Figures>();
  return (kind) => {
    const known = made.get(kind);
    if (known !== undefined) return known;
    let counter: ReturnType<typeof replyCounter> | undefined;
    const figures: Figures = {
      sink: countedSink(sink, metrics, kind),
      // All sessions of a listener know the same commands.
      replied: (commands) => (counter ??= replyCounter(metrics, kind, (verb) => Object.hasOwn(commands, verb))),
    };
    made.set(kind, figures);
    return figures;
  };
}
