/** What the other server may send: users name it, and it may never stop. imapflow bounds one line, one literal and one response; here is what one question may bring. */
import type { ImapFlow } from 'imapflow';
import { MailError } from '#mail/failure.ts';

/** Octets. A message of more than half a megabyte comes in pieces, but sizes are what the server says. */
export const RESPONSES = {
  maxLineLength: 4 * 1_048_576,
  maxLiteralSize: 32 * 1_048_576,
  maxResponseSize: 40 * 1_048_576,
} as const;
/** Messages of one mailbox. */
export const MOST_MESSAGES = 1_000_000;

/** Octets that one question may bring. */
export const MOST = {
  login: 4 * 1_048_576,
  mailboxes: 32 * 1_048_576,
  list: 512 * 1_048_576,
  portion: 64 * 1_048_576,
} as const;

const LOOK_MS = 50;

/** As imapflow calls its own limits. */
const TOO_MUCH = new Set(['LiteralTooLarge', 'LineTooLong', 'ResponseTooLarge', 'TooManyResponses', 'TooManyTokens']);

export const tooMuch = (): MailError => new MailError('rejected', 'the other server sends more than was asked for');

export function isTooMuch(error: unknown): boolean {
  return TOO_MUCH.has(String((error as { readonly code?: unknown } | null)?.code));
}

/** Cuts the connection off where more comes. @throws MailError `rejected` then, else what `act` throws. */
export async function within<T>(client: ImapFlow, most: number, act: () => Promise<T>): Promise<T> {
  const watch = watched(client, most);
  try {
    return await act();
  } catch (error) {
    throw watch.hit() || isTooMuch(error) ? tooMuch() : error;
  } finally {
    watch.end();
  }
}

/** The same, for what comes one by one. */
export async function* eachWithin<T>(client: ImapFlow, most: number, items: AsyncIterable<T>): AsyncGenerator<T> {
  const watch = watched(client, most);
  try {
    yield* items;
  } catch (error) {
    throw watch.hit() || isTooMuch(error) ? tooMuch() : error;
  } finally {
    watch.end();
  }
}

interface Watch {
  hit(): boolean;
  end(): void;
}

function watched(client: ImapFlow, most: number): Watch {
  const before = client.stats().received;
  let hit = false;
  const timer = setInterval(() => {
    if (client.stats().received - before <= most) return;
    hit = true;
    client.close();
  }, LOOK_MS);
  return { hit: () => hit, end: () => clearInterval(timer) };
}
