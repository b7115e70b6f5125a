/** From the forward-path of a RCPT to where the message really goes: aliases are expanded here (RFC 5321 §3.9.1), before anything is accepted. */
import { formatAddress, needsUtf8 } from '#mail/address.ts';
import type { Address, ForwardPath, OriginalRecipient } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import type { SenderLists } from '#store/account-rules.ts';
import type { Directory, Lookup } from '#store/directory.ts';
import type { AccountId } from '#store/types.ts';

export interface Target {
  readonly path: ForwardPath;
  /** An account of ours; otherwise the message leaves. */
  readonly local: boolean;
}

/** A RCPT that was accepted. */
export interface Recipient {
  readonly given: ForwardPath;
  readonly targets: readonly Target[];
  /** Accounts whose forward or move led away from here: from there the message may come back. */
  readonly followed?: readonly AccountId[];
  /** Who may not have written it (screening.ts). */
  readonly screen?: SenderLists;
}

export type Resolution =
  | { readonly kind: 'targets'; readonly targets: readonly Target[]; readonly followed?: readonly AccountId[] }
  /** A move that was followed before leads back here. */
  | { readonly kind: 'loop' }
  /** The account lives elsewhere now. */
  | { readonly kind: 'moved'; readonly to: Address }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'foreign' };

/** Addresses that one RCPT may expand to. */
const EXPANSION_LIMIT = 1000;

/**
 * Throws what the directory throws (temporary), and `limit-exceeded` for an alias that has no end.
 * @param passed accounts whose forwards the message has passed before: they are not followed again.
 */
export async function resolveRecipient(
  directory: Directory,
  path: ForwardPath,
  hostname: string,
  passed: (account: AccountId) => boolean = () => false,
): Promise<Resolution> {
  const { address, lookup } = await lookupRecipient(directory, path.address, hostname);
  if (lookup.kind === 'unknown' || lookup.kind === 'foreign') return { kind: lookup.kind };
  if (lookup.kind === 'moved' && lookup.how === 'reject') return { kind: 'moved', to: lookup.to };
  if (lookup.kind === 'account' && lookup.forward === undefined)
    return { kind: 'targets', targets: [{ path: { ...path, address }, local: true }] };
  const expansion = new Expansion(path, passed);
  const targets = await expansion.run(directory, address, lookup);
  if (targets.length === 0) return { kind: expansion.looped ? 'loop' : 'unknown' };
  const leaves = expansion.followed.length > 0 && targets.some(({ local }) => !local);
  return { kind: 'targets', targets, ...(leaves && { followed: expansion.followed }) };
}

/**
 * RFC 5321 §4.5.1: `postmaster` MUST be accepted without a domain and in every domain of ours. Where a domain has none of its own, that of this host
 * or of any other domain will do.
 */
async function lookupRecipient(
  directory: Directory,
  address: Address,
  hostname: string,
): Promise<{ address: Address; lookup: Lookup }> {
  const lookup: Lookup = address.domain === '' ? { kind: 'unknown' } : await directory.lookup(address);
  if (lookup.kind !== 'unknown' || address.localPart.toLowerCase() !== 'postmaster') return { address, lookup };
  const domains = [hostname, ...(await directory.domains()).map((domain) => domain.name)];
  for (const domain of domains) {
    const other: Address = { localPart: 'postmaster', domain };
    const found = await directory.lookup(other);
    if (found.kind !== 'unknown' && found.kind !== 'foreign') return { address: other, lookup: found };
  }
  return { address, lookup };
}

/**
 * Breadth first; an address that was seen already is passed over, which ends cycles and removes duplicates. Where forwards lead nowhere (to one
 * another, to who is no more), the first account that forwards keeps the message: it is somebody's, and nobody else's.
 */
class Expansion {
  /** Accounts whose forward or move was followed. */
  readonly followed: AccountId[] = [];
  looped = false;
  readonly #path: ForwardPath;
  readonly #passed: (account: AccountId) => boolean;
  readonly #found: Target[] = [];
  readonly #seen = new Set<string>();
  readonly #waiting: Address[] = [];
  #owner: Target | undefined;

  constructor(path: ForwardPath, passed: (account: AccountId) => boolean) {
    // RFC 3461 §5.2.7.1: what the sender addressed stays known behind the alias.
    this.#path = { ...path, originalRecipient: path.originalRecipient ?? originalOf(path.address) };
    this.#passed = passed;
  }

  async run(directory: Directory, address: Address, lookup: Lookup): Promise<readonly Target[]> {
    this.#visit(address, lookup);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift())
      this.#visit(next, await directory.lookup(next));
    return this.#found.length === 0 && this.#owner !== undefined ? [this.#owner] : this.#found;
  }

  #visit(at: Address, found: Lookup): void {
    // An account that forwards does so once, whatever detail led to it.
    const forward = found.kind === 'account' && !this.#passed(found.account) ? found.forward : undefined;
    const local = found.kind !== 'foreign';
    const key = recipientKey(found.kind === 'account' && forward !== undefined ? found.address : at, local);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (this.#seen.size > EXPANSION_LIMIT)
      throw new MailError('limit-exceeded', 'The alias leads to too many addresses');
    if (found.kind === 'alias') this.#waiting.push(...found.targets);
    else if (found.kind === 'moved') this.#followMove(found);
    else if (found.kind === 'account' && forward !== undefined) {
      this.followed.push(found.account);
      this.#owner ??= this.#target(at, true);
      if (forward.keep) this.#found.push(this.#target(at, true));
      this.#waiting.push(...forward.targets);
    }
    // A target that is no more: the others still get the message.
    else if (found.kind !== 'unknown') this.#found.push(this.#target(at, local));
  }

  #followMove({ account, to, how }: Extract<Lookup, { kind: 'moved' }>): void {
    if (how === 'reject') return;
    if (this.#passed(account)) {
      this.looped = true;
      return;
    }
    this.followed.push(account);
    this.#waiting.push(to);
  }

  #target(address: Address, local: boolean): Target {
    return { path: { ...this.#path, address }, local };
  }
}

function originalOf(address: Address): OriginalRecipient {
  return { type: needsUtf8(address) ? 'utf-8' : 'rfc822', address: formatAddress(address) };
}

/** RFC 5321 §2.4: only the host that owns a local part may know that case doesn't matter. */
export function recipientKey(address: Address, local: boolean): string {
  const text = formatAddress(address);
  return local ? text.toLowerCase() : text;
}

/** One target for each address, however many RCPTs led to it; the first one's parameters count. */
export function uniqueTargets(recipients: readonly Recipient[]): readonly Target[] {
  const only = recipients[0]?.targets;
  if (recipients.length === 1 && only?.length === 1) return only;
  const found = new Map<string, Target>();
  for (const target of recipients.flatMap((recipient) => recipient.targets)) {
    const key = recipientKey(target.path.address, target.local);
    if (!found.has(key)) found.set(key, target);
  }
  return [...found.values()];
}
