/** What the SMTP server hands on once a message has been read whole: the seam between receiving (`server/`) and the way out (`handover/`, `queue/`, `delivery/`). */
import type { Envelope } from '#mail/envelope.ts';
import type { Reply } from '#mail/smtp/reply.ts';

export interface AcceptedMessage {
  /** The queue id: stands in our `Received` field and in the reply to the final dot. */
  readonly id: string;
  /** The same for every try of this message (STORE.md §2). */
  readonly deliveryId: string;
  /** Forward-paths after alias expansion, each with its original recipient where an alias led to it. */
  readonly envelope: Envelope;
  /** For each forward-path: is it an account of ours (LMTP to the MDA), or does it leave? Same order. */
  readonly local: readonly boolean[];
  /** The message with our trace field on top, CRLF line ends: in memory, or a spool file that the sink owns from now on (it renames or removes it). */
  readonly content: { readonly data: Uint8Array } | { readonly file: string; readonly size: number };
  readonly arrivedAt: number;
  /** As in `NewQueueEntry`. */
  readonly signAs?: string;
  /** Our own gateway asks later, by the envelope id, what came of each recipient (`Queue.track`). */
  readonly tracked?: true;
}

export interface MessageSink {
  /**
   * Takes responsibility (RFC 5321 §6.1) and answers the reply to the final dot: a 250 means that the message is durable, delivered
   * or queued. With all recipients local it hands over to the MDA first and passes a refusal on (DESIGN §3).
   */
  accept(message: AcceptedMessage): Promise<Reply>;
}
