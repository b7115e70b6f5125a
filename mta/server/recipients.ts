/** From the forward-path of a RCPT to where the message really goes: aliases are expanded here (RFC 5321 §3.9.1), before anything is accepted. */
import { formatAddress, needsUtf8 } from '#mail/address.ts';
import type { Address, ForwardPath, OriginalRecipient } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import type { Directory, Lookup } from '#store/directory.ts';

export interface Target {
  readonly path: ForwardPath;
  /** An account of ours; otherwise the message leaves. */
  readonly local: boolean;
}

/** A RCPT that was accepted. */
export interface Recipient {
  readonly given: ForwardPath;
  readonly targets: readonly Target[];
}

export type Resolution =
  | { readonly kind: 'targets'; readonly targets: readonly Target[] }
  /** The account lives elsewhere now. */
  | { readonly kind: 'moved'; readonly to: Address }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'foreign' };

/** Addresses that one RCPT may expand to. */
const EXPANSION_LIMIT = 1000;

/** Throws what the directory throws (temporary), and `limit-exceeded` for an alias that has no end. */
export async function resolveRecipient(directory: Directory, path: ForwardPath, hostname: string): Promise<Resolution> {
  const { address, lookup } = await lookupRecipient(directory, path.address, hostname);
  if (lookup.kind === 'unknown' || lookup.kind === 'foreign') return { kind: lookup.kind };
  if (lookup.kind === 'moved' && lookup.how === 'reject') return { kind: 'moved', to: lookup.to };
  if (lookup.kind === 'account' && lookup.forward === undefined)
    return { kind: 'targets', targets: [{ path: { ...path, address }, local: true }] };
  const targets = await expand(directory, path, address, lookup);
  return targets.length === 0 ? { kind: 'unknown' } : { kind: 'targets', targets };
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
async function expand(directory: Directory, path: ForwardPath, address: Address, lookup: Lookup): Promise<Target[]> {
  const found: Target[] = [];
  const seen = new Set<string>();
  const waiting: Address[] = [];
  let owner: Target | undefined;
  // RFC 3461 §5.2.7.1: what the sender addressed stays known behind the alias.
  const originalRecipient = path.originalRecipient ?? originalOf(path.address);
  const targetOf = (to: Address, local: boolean): Target => ({
    path: { ...path, address: to, originalRecipient },
    local,
  });

  const visit = (at: Address, next: Lookup): void => {
    const local = next.kind !== 'foreign';
    // An account that forwards does so once, whatever detail led to it.
    const forwards = next.kind === 'account' && next.forward !== undefined;
    const key = recipientKey(forwards ? next.address : at, local);
    if (seen.has(key)) return;
    seen.add(key);
    if (seen.size > EXPANSION_LIMIT) throw new MailError('limit-exceeded', 'The alias leads to too many addresses');
    if (next.kind === 'alias') waiting.push(...next.targets);
    else if (next.kind === 'moved' && next.how === 'forward') waiting.push(next.to);
    else if (forwards) {
      owner ??= targetOf(at, true);
      if (next.forward?.keep) found.push(targetOf(at, true));
      waiting.push(...(next.forward?.targets ?? []));
    }
    // A target that is no more, or has moved: the others still get the message.
    else if (next.kind === 'account' || next.kind === 'foreign') found.push(targetOf(at, local));
  };

  visit(address, lookup);
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
    visit(next, await directory.lookup(next));
  return found.length === 0 && owner !== undefined ? [owner] : found;
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
