/** What an account's own rules make of a message that comes for it: refused, placed, marked, sent on, or dropped. */
import { formatAddress } from '#mail/address.ts';
import type { ReversePath } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { forwardMark, readMarks } from '#mail/header/forward-marks.ts';
import type { MessageIndex } from '#mail/mime/message-index.ts';
import type { Random } from '#runtime/ambient.ts';
import type { AccountRules } from '#store/account-rules.ts';
import { enqueueAutomatic } from '#store/automatic.ts';
import { flagOf } from '#store/flags.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import { roleMailbox } from '#store/role-mailbox.ts';
import { MessageFacts, octetsAsked } from '#store/rules/facts.ts';
import { evaluateFilters, type Place, type Verdict } from '#store/rules/filters.ts';
import { isAlwaysReachable, judgeSender } from '#store/rules/senders.ts';
import type { MailStore } from '#store/store.ts';
import type { Flags, MailboxId, MessageId } from '#store/types.ts';
import { traceText } from './loop-check.ts';
import type { Recipient, Target } from './recipient.ts';

/** The message, as far as rules may ask of it. */
export interface RuledMessage {
  readonly reversePath: ReversePath;
  readonly index: MessageIndex;
  /** Of at least as many octets as `octetsForRules` says. */
  readonly beginning: () => Uint8Array;
}

/** What to do with it. Without rules: nothing of this. */
export interface Plan {
  /** `default`: as the address says. */
  readonly place: Place | { readonly kind: 'default' };
  readonly flags: Flags;
  readonly forward: readonly string[];
  /** Filters that it fits, for the log. */
  readonly matched: readonly string[];
}

export const PLAIN: Plan = { place: { kind: 'default' }, flags: [], forward: [], matched: [] };

/** Octets of the beginning of a message that somebody's rules want to see. */
export function octetsForRules(recipients: readonly Recipient[]): number {
  let most = 0;
  for (const { targets } of recipients)
    for (const { rules } of targets)
      if (rules?.filters !== undefined) most = Math.max(most, octetsAsked(rules.filters));
  return most;
}

/**
 * @param prefix octets of the trace fields that it gets.
 * @throws MailError `rejected` for a sender on the account's block list. Nothing else: what can't be judged is delivered as if there were no rules.
 */
export function planDelivery(
  recipient: Recipient,
  target: Target & { readonly rules: AccountRules },
  message: RuledMessage,
  prefix: number,
  fault: (error: unknown, filter?: string) => void,
): Plan {
  let blocked = false;
  try {
    const { rules, address } = target;
    const sender = { reversePath: message.reversePath, from: message.index.headers.from };
    const judged = rules.senders && judgeSender(rules.senders, sender);
    blocked = judged === 'blocked' && !isAlwaysReachable(recipient.path.address.localPart);
    if (!blocked && rules.filters !== undefined) {
      const { headers, root, size } = message.index;
      const recipients = [...new Set([recipient.sent, formatAddress(address)])];
      const facts = new MessageFacts({ ...message, headers, root, size: size + prefix, recipients });
      const verdict = evaluateFilters(rules.filters, facts, { allowed: judged === 'allowed' });
      for (const { id, error } of verdict.failed) fault(error, id);
      return verdict.matched.length === 0 ? PLAIN : planOf(target, message, verdict);
    }
  } catch (error) {
    fault(error);
  }
  // RFC 3463 X.7.1: delivery not authorized.
  if (blocked) throw new MailError('rejected', 'The recipient takes no mail from this sender');
  return PLAIN;
}

function planOf({ account }: Target, { index, beginning }: RuledMessage, verdict: Verdict): Plan {
  const { matched, keywords } = verdict;
  // What was sent on before and came back stays: nothing goes round.
  const returned =
    verdict.forward.length > 0 &&
    readMarks(traceText(beginning(), index.root.bodyStart)).includes(forwardMark(account));
  const forward = returned ? [] : verdict.forward;
  const flags = keywords.map(flagOf);
  const fallback = { kind: 'default' as const };
  // In the trash is what lies there only until it has gone on: where it doesn't, nobody else has it.
  const place = returned && verdict.place?.kind === 'trash' ? fallback : (verdict.place ?? fallback);
  return { place, flags: place.kind === 'trash' ? [...flags, '\\Seen'] : flags, forward, matched };
}

/** The mailbox that a plan names, with what makes it; `undefined` where the address decides. */
export async function plannedMailbox(
  rooms: { readonly store: MailStore; readonly random: Random },
  { account }: Target,
  { place }: Plan,
): Promise<{ readonly id: MailboxId; readonly mutations: readonly Mutation[] } | undefined> {
  if (place.kind === 'mailbox') return { id: place.mailbox, mutations: [] };
  if (place.kind !== 'junk' && place.kind !== 'trash') return undefined;
  return await roleMailbox(rooms.store, { owner: account, viewer: account }, place.kind, rooms.random);
}

/** What the account sends on by itself, in the commit that adds the message. */
export function sentOn({ forward }: Plan, message: MessageId, random: Random): readonly Mutation[] {
  if (forward.length === 0) return [];
  return [enqueueAutomatic(newId('outbox', random), { type: 'redirect', message, to: forward })];
}
