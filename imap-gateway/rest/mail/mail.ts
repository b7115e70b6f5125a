/** What the routes of mail work with, and what is remembered between requests: all of it may be forgotten at any time. */
import { MailError } from '#mail/failure.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, MailboxId, UidSet } from '#store/types.ts';
import type { OpenView, ViewCache } from '#store/view-cache.ts';
import { FragmentCache } from './fragments.ts';
import { Lru } from './lru.ts';
import { OrderCache } from './order.ts';

export interface KeptAnswer {
  readonly modseq: number;
  readonly text: Buffer;
  /** Made when it is asked for a second time. */
  gzip?: Promise<Buffer>;
}

export interface Mail {
  readonly store: MailStore;
  readonly views: ViewCache;
  readonly orders: OrderCache;
  readonly fragments: FragmentCache;
  /** Finished answers, by what was asked: as of the account's modseq. */
  readonly answers: Lru<KeptAnswer>;
  /** What searches have found in a mailbox, as of its modseq. */
  readonly searches: Lru<{ readonly modseq: number; readonly found: UidSet }>;
  /** What never changes about a message that was parsed. */
  readonly parsed: Lru<string>;
}

const FRAGMENT_BYTES = 16 * 1024 * 1024;
const ANSWER_BYTES = 16 * 1024 * 1024;
const SEARCH_BYTES = 4 * 1024 * 1024;
const PARSED_BYTES = 16 * 1024 * 1024;

const known = new WeakMap<MailStore, Mail>();

/** One for each store of the process. */
export function mailOf({ store, views }: { readonly store: MailStore; readonly views: ViewCache }): Mail {
  let mail = known.get(store);
  if (mail === undefined || mail.views !== views) {
    mail = {
      store,
      views,
      orders: new OrderCache(store),
      fragments: new FragmentCache(store, FRAGMENT_BYTES),
      answers: new Lru(ANSWER_BYTES),
      searches: new Lru(SEARCH_BYTES),
      parsed: new Lru(PARSED_BYTES),
    };
    known.set(store, mail);
  }
  return mail;
}

/** Opens views for as long as `use` runs, of those mailboxes that there still are. */
export async function withViews<T>(
  { views }: Mail,
  access: Access,
  mailboxes: readonly MailboxId[],
  use: (open: readonly OpenView[]) => Promise<T>,
): Promise<T> {
  const opened = await Promise.allSettled(mailboxes.map((mailbox) => views.open(access, mailbox)));
  const open = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    for (const one of opened) if (one.status === 'rejected' && !isGone(one.reason)) throw one.reason;
    return await use(open);
  } finally {
    for (const one of open) one.close();
  }
}

const isGone = (error: unknown): boolean => error instanceof MailError && error.failure === 'no-such-mailbox';
