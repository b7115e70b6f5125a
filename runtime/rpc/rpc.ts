/**
 * Calls between our own processes over a Unix stream socket: frames of a length and a `v8.serialize`d value, many calls in flight,
 * answers in any order. It carries the store's commits, the directory, the queue and coordination. `MailError`s cross it with their failure.
 */
export interface RpcHandlers {
  /** Unary: answers one value. */
  readonly call: (method: string, argument: unknown) => Promise<unknown>;
  /** Streams values until it ends; cancelled through the signal when the caller goes away or stops reading. */
  readonly stream?: (method: string, argument: unknown, signal: AbortSignal) => AsyncIterable<unknown>;
}

export interface RpcClient {
  /** Rejects with `MailError('unavailable')` when no answer came within the deadline or the connection broke: the outcome is unknown. */
  call(method: string, argument: unknown, options?: { deadlineMs?: number }): Promise<unknown>;
  stream(method: string, argument: unknown, signal: AbortSignal): AsyncIterable<unknown>;
  close(): Promise<void>;
}
