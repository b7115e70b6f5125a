/**
 * What an account sends by itself because of mail that came in: a row of its outbox, enqueued in the commit that adds the message, so that a repeat of the
 * delivery sends nothing twice. Final delivery writes the rows, `imap-gateway/automatic` drains them.
 */
import type { Autoreply } from './account-rules.ts';
import type { Mutation } from './mutation.ts';
import type { MessageId } from './types.ts';

/** The kind of the rows. */
export const AUTOMATIC = 'automatic';

/** What the answer doesn't take from the account's settings: those count as they are when it is sent. */
export interface AutoreplyPayload {
  readonly type: 'autoreply';
  /** The reverse-path of the message (RFC 3834 §4). */
  readonly to: string;
  /** The account's own address that the message was sent to. */
  readonly from: string;
  /** Of the message, decoded. */
  readonly subject: string;
  /** Message-IDs without brackets. */
  readonly inReplyTo?: string;
  readonly references: readonly string[];
}

/** The message goes on as it came, its reverse-path too. */
export interface RedirectPayload {
  readonly type: 'redirect';
  readonly message: MessageId;
  readonly to: readonly string[];
}

export type AutomaticPayload = AutoreplyPayload | RedirectPayload;

/** @param id of the row, from `newId('outbox')`: makes the delivery id of what is sent. */
export function enqueueAutomatic(id: string, payload: AutomaticPayload): Extract<Mutation, { type: 'enqueue-outbox' }> {
  return { type: 'enqueue-outbox', id, kind: AUTOMATIC, payload: Buffer.from(JSON.stringify(payload)) };
}

/** `undefined` for what nobody here has written. */
export function readAutomatic(payload: Uint8Array): AutomaticPayload | undefined {
  try {
    const read = JSON.parse(Buffer.from(payload).toString()) as AutomaticPayload;
    return read.type === 'autoreply' || read.type === 'redirect' ? read : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Does the account answer at that moment? */
export function isAway({ enabled, from, until }: Autoreply, now: number): boolean {
  return enabled && (from === undefined || from <= now) && (until === undefined || now < until);
}
