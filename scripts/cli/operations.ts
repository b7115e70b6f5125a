/**
 * Commands about one account's mail: each is an operation of REST, run here on the stores of the running or resting peer, so that both do the same and answer the same. What is sent,
 * and what webhooks are told, goes out by the running peer, or when one runs again.
 */
import { systemClock } from '#runtime/system.ts';
// Types alone: the operations are loaded when they are needed, for that takes its time.
import type { Input } from '../../imap-gateway/rest/call.ts';
import { type Options, readConfig, withSystem } from './act.ts';
import { CommandError } from './output.ts';
import { silent } from './system.ts';

/** One page of whatever is listed. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

export interface MailboxItem {
  readonly id: string;
  readonly name: string;
  readonly role: string | null;
  readonly messages: number;
  readonly unread: number;
  readonly size: number;
  readonly subscribed: boolean;
}

/** One account's operations. */
export interface OfAccount {
  readonly address: string;
  /** @throws CommandError what the operation refuses, with its code. */
  readonly ask: <T>(operation: string, input?: Input) => Promise<T>;
  /** Pages of a list until there are so many. */
  readonly list: <T>(operation: string, limit: number, input?: Input) => Promise<Page<T>>;
  /** By name, role or id. */
  readonly mailbox: (name: string) => Promise<MailboxItem>;
}

export type { Input };

export async function withAccount(
  options: Options,
  address: string,
  use: (account: OfAccount) => Promise<void>,
): Promise<void> {
  const { openOperations, HttpProblem } = await import('../../imap-gateway/rest/call.ts');
  const config = await readConfig(options);
  await withSystem(options, async (system) => {
    const operations = openOperations({ ...system, config, clock: systemClock, log: silent });
    const ask = async <T>(operation: string, input?: Input): Promise<T> => {
      try {
        return (await operations.call(operation, address, input)) as T;
      } catch (error) {
        if (error instanceof HttpProblem) throw new CommandError(error.code, error.message, { cause: error });
        throw error;
      }
    };
    try {
      await use({
        address,
        ask,
        list: (...asked) => listed(ask, ...asked),
        mailbox: (name) => mailboxNamed(ask, name),
      });
    } finally {
      await operations.close();
    }
  });
}

type Ask = OfAccount['ask'];

/** As many as REST gives at once. */
const PAGE = 200;

async function listed<T>(ask: Ask, operation: string, limit: number, input: Input = {}): Promise<Page<T>> {
  const items: T[] = [];
  let cursor = input.query?.cursor;
  do {
    const query = {
      ...input.query,
      limit: Math.min(PAGE, limit - items.length),
      ...(cursor !== undefined && { cursor }),
    };
    const page: Page<T> = await ask(operation, { ...input, query });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && items.length < limit);
  return { items, ...(cursor !== undefined && { next: cursor as string }) };
}

async function mailboxNamed(ask: Ask, name: string): Promise<MailboxItem> {
  const { items } = await listed<MailboxItem>(ask, 'listMailboxes', Number.POSITIVE_INFINITY);
  const wanted = name.toUpperCase() === 'INBOX' ? 'INBOX' : name.normalize('NFC');
  const found =
    items.find((one) => one.name === wanted) ??
    items.find(({ role }) => role === name.toLowerCase()) ??
    items.find(({ id }) => id === name);
  if (found === undefined) throw new CommandError('no-such-mailbox', `there is no mailbox "${name}"`);
  return found;
}

/** `Bob <bob@b.test>, …`, for people. */
export function people(all: readonly { readonly name: string; readonly email: string }[]): string {
  return all.map(({ name, email }) => (name === '' ? email : `${name} <${email}>`)).join(', ');
}
