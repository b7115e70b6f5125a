/** Filters, autoreplies and lists of senders: how many, how long, of which shape. */
import { isDeepStrictEqual } from 'node:util';
import { formatAddress } from '#mail/address.ts';
import { MailError } from '#mail/failure.ts';
import {
  type AccountRules,
  type Autoreply,
  type Filter,
  MOST_AUTOREPLY_DAYS,
  MOST_AUTOREPLY_OCTETS,
  MOST_FILTER_OCTETS,
  MOST_FILTERS,
  MOST_FORWARDS,
  MOST_SENDERS,
  NO_SENDERS,
  type SenderLists,
} from './account-rules.ts';
import type { Account } from './directory.ts';
import { readAddress, readAlias } from './directory-names.ts';
import { accountOf, nameOfAccount, type Rows, type Rule, readLabel } from './directory-requirements.ts';
import { isId } from './ids.ts';
import { senderPattern } from './rules/senders.ts';

type MailChange = 'set-filters' | 'set-autoreply' | 'set-senders' | 'set-peer-senders';

const MOST_KEYWORDS = 50;
const LONGEST_TEXT = 1_000;
const LONGEST_SUBJECT = 500;
/** RFC 8621 §4.1.1: what a keyword may be. */
const KEYWORD = /^(?!.*[(){\]%*"\\])[!-~]{1,255}$/;
/** RFC 5322 §2.2. */
const FIELD_NAME = /^[!-9;-~]{1,200}$/;

export const MAIL_RULES: { [T in MailChange]: Rule<T> } = {
  'set-filters': (rows, { id, filters, was }) => {
    const account = accountOf(rows, id);
    requireSame(account.filters ?? [], was);
    if (filters.length > MOST_FILTERS) throw new MailError('bad-request', `${MOST_FILTERS} filters at most`);
    const read = filters.map((filter) => readFilter(account, filter));
    if (new Set(read.map((filter) => filter.id)).size < read.length)
      throw new MailError('bad-request', 'two filters have the same id');
    if (Buffer.byteLength(JSON.stringify(read)) > MOST_FILTER_OCTETS)
      throw new MailError('bad-request', `all filters together may have ${MOST_FILTER_OCTETS} octets at most`);
    putRule(rows, account, { filters: read.length > 0 ? read : undefined });
  },
  'set-autoreply': (rows, { id, autoreply }) => {
    const account = accountOf(rows, id);
    if (autoreply !== undefined) requireAutoreply(autoreply);
    putRule(rows, account, { autoreply });
  },
  'set-senders': (rows, { id, senders, was }) => {
    const account = accountOf(rows, id);
    requireSame(account.senders ?? NO_SENDERS, was);
    const read = readSenders(senders);
    putRule(rows, account, { senders: read.allow.length + read.block.length > 0 ? read : undefined });
  },
  'set-peer-senders': (rows, { senders, was }) => {
    requireSame(rows.peerSenders() ?? NO_SENDERS, was);
    rows.putPeerSenders(readSenders(senders));
  },
};

/** Somebody else's change between a look and a change that was made of it is not lost. */
function requireSame<T>(is: T, was: T | undefined): void {
  if (was !== undefined && !isDeepStrictEqual(is, was))
    throw new MailError('conflict', 'Somebody else has changed it meanwhile');
}

type Changed = { readonly [K in keyof AccountRules]: AccountRules[K] | undefined };

function putRule(rows: Rows, { id, filters, autoreply, senders }: Account, changed: Changed): void {
  const all = Object.entries({ filters, autoreply, senders, ...changed });
  rows.putRules(id, Object.fromEntries(all.filter(([, value]) => value !== undefined)));
}

function readFilter(account: Account, filter: Filter): Filter {
  const { id, when, then, stop } = filter;
  const name = readLabel(filter.name);
  const wrong = (text: string): MailError => new MailError('bad-request', `the filter "${name}" ${text}`);
  if (!isId(id)) throw wrong('has a bad id');
  const { header, larger, smaller } = when;
  for (const text of [when.from, when.to, when.subject, when.listId, when.text, header?.contains]) {
    if (text !== undefined && (text === '' || text.length > LONGEST_TEXT))
      throw wrong(`looks for a text that is empty or longer than ${LONGEST_TEXT} characters`);
  }
  if (header !== undefined && !FIELD_NAME.test(header.name)) throw wrong('looks into a header field of no valid name');
  for (const size of [larger, smaller])
    if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0))
      throw wrong('compares with a size that is none');
  const { mailbox, keywords } = then;
  if (mailbox !== undefined && !isId(mailbox)) throw wrong('files into a mailbox of a bad id');
  if (Number(mailbox !== undefined) + Number(then.junk === true) + Number(then.discard === true) > 1)
    throw wrong('has more than one place for a message: a mailbox, junk, or none');
  if (
    keywords !== undefined &&
    (keywords.length > MOST_KEYWORDS || !keywords.every((keyword) => KEYWORD.test(keyword)))
  )
    throw wrong(`sets what is no keyword, or more than ${MOST_KEYWORDS}`);
  if (Object.keys(then).length === 0 && stop === undefined) throw wrong('does nothing');
  if (then.forward === undefined) return { ...filter, name };
  return { ...filter, name, then: { ...then, forward: readTargets(account, then.forward, wrong) } };
}

function readTargets(
  account: Account,
  targets: readonly string[],
  wrong: (text: string) => MailError,
): readonly string[] {
  const read = [...new Set(targets.map((target) => formatAddress(readAddress(target))))];
  if (read.length === 0 || read.length > MOST_FORWARDS)
    throw wrong(`forwards to none, or to more than ${MOST_FORWARDS}`);
  if (read.some((target) => readAlias(target).name === nameOfAccount(account)))
    throw wrong(`forwards to ${account.address} itself`);
  return read;
}

function requireAutoreply({ enabled, subject, text, html, from, until, days }: Autoreply): void {
  const wrong = (what: string): MailError => new MailError('bad-request', `the autoreply ${what}`);
  for (const part of [text, html ?? ''])
    if (Buffer.byteLength(part) > MOST_AUTOREPLY_OCTETS)
      throw wrong(`may have ${MOST_AUTOREPLY_OCTETS} octets at most`);
  if (enabled && text.trim() === '' && (html ?? '').trim() === '') throw wrong('says nothing');
  if (subject !== undefined && (subject.length > LONGEST_SUBJECT || /\p{Cc}/u.test(subject)))
    throw wrong(`has a subject with control characters, or longer than ${LONGEST_SUBJECT} characters`);
  for (const time of [from, until])
    if (time !== undefined && !(Number.isSafeInteger(time) && time >= 0)) throw wrong('begins or ends at no time');
  if (from !== undefined && until !== undefined && until <= from) throw wrong('ends before it begins');
  if (days !== undefined && !(Number.isInteger(days) && days >= 1 && days <= MOST_AUTOREPLY_DAYS))
    throw wrong(`is sent once in 1 to ${MOST_AUTOREPLY_DAYS} days`);
}

function readSenders({ allow, block }: SenderLists): SenderLists {
  const read = (patterns: readonly string[]): readonly string[] => {
    if (patterns.length > MOST_SENDERS)
      throw new MailError('bad-request', `${MOST_SENDERS} senders at most in each list`);
    return [...new Set(patterns.map(readPattern))];
  };
  return { allow: read(allow), block: read(block) };
}

function readPattern(text: string): string {
  const form = senderPattern(text);
  if (form !== undefined) return form;
  throw new MailError('bad-request', `"${text}" is no sender: write user@domain, @domain or .domain`);
}
