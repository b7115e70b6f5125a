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
  | { readonly kind: 'unknown' }
  | { readonly kind: 'foreign' };

/** Addresses that one RCPT may expand to. */
const EXPANSION_LIMIT = 1000;

/** Throws what the directory throws (temporary), and `limit-exceeded` for an alias that has no end. */
export async function resolveRecipient(directory: Directory, path: ForwardPath, hostname: string): Promise<Resolution> {
  const { address, lookup } = await lookupRecipient(directory, path.address, hostname);
  switch (lookup.kind) {
    case 'account':
      return { kind: 'targets', targets: [{ path: { ...path, address }, local: true }] };
    case 'alias': {
      const targets = await expandAlias(directory, path, lookup.targets);
      return targets.length === 0 ? { kind: 'unknown' } : { kind: 'targets', targets };
    }
    case 'unknown':
    case 'foreign':
      return { kind: lookup.kind };
  }
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
    if (found.kind === 'account' || found.kind === 'alias') return { address: other, lookup: found };
  }
  return { address, lookup };
}

/** Breadth first; an address that was seen already is passed over, which ends cycles and removes duplicates. */
async function expandAlias(directory: Directory, path: ForwardPath, first: readonly Address[]): Promise<Target[]> {
  const found: Target[] = [];
  const seen = new Set<string>([recipientKey(path.address, true)]);
  const waiting = [...first];
  // RFC 3461 §5.2.7.1: what the sender addressed stays known behind the alias.
  const originalRecipient = path.originalRecipient ?? originalOf(path.address);
  for (let address = waiting.shift(); address !== undefined; address = waiting.shift()) {
    const lookup = await directory.lookup(address);
    const local = lookup.kind !== 'foreign';
    const key = recipientKey(address, local);
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > EXPANSION_LIMIT) throw new MailError('limit-exceeded', 'The alias leads to too many addresses');
    if (lookup.kind === 'alias') waiting.push(...lookup.targets);
    // A target that is no more: the others still get the message.
    else if (lookup.kind !== 'unknown') found.push({ path: { ...path, address, originalRecipient }, local });
  }
  return found;
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
