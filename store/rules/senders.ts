/** Lists of senders: whom an account, or the whole peer, takes mail from or doesn't. */
import { AddressSyntaxError, parseAddress, parseDomain } from '#mail/address.ts';
import type { Address, ReversePath } from '#mail/envelope.ts';
import type { IndexedAddress } from '#mail/mime/message-index.ts';
import type { SenderLists } from '../account-rules.ts';
import { nameOf } from '../directory-names.ts';

/** Who sent a message, by the envelope and by its header. */
export interface Senders {
  readonly reversePath: ReversePath;
  /** As the index has it (`IndexedHeaders.from`). */
  readonly from: readonly IndexedAddress[];
}

/** Addresses of From that are looked at; a stranger may write as many as he likes. */
const MOST_AUTHORS = 100;

/**
 * A pattern in its one form, by which patterns are kept and compared: lower case, NFC, the domain in A-labels. `undefined` for what is no
 * `user@domain`, `@domain`, `.domain`.
 */
export function senderPattern(text: string): string | undefined {
  const trimmed = text.trim();
  try {
    if (trimmed.startsWith('.') || trimmed.startsWith('@')) return trimmed.charAt(0) + parseDomain(trimmed.slice(1));
    return keyOf(parseAddress(trimmed));
  } catch (error) {
    if (error instanceof AddressSyntaxError) return undefined;
    throw error;
  }
}

/** Is the address on the list? @param patterns each as `senderPattern` makes it. */
export function isListed(patterns: readonly string[], address: Address): boolean {
  if (patterns.length === 0) return false;
  const known = setOf(patterns);
  const { domain } = address;
  if (known.has(keyOf(address)) || known.has(`@${domain}`)) return true;
  for (let dot = 0; dot >= 0; dot = domain.indexOf('.', dot + 1))
    if (known.has(dot === 0 ? `.${domain}` : domain.slice(dot))) return true;
  return false;
}

/**
 * What the lists say of a sender. Blocked is who is on the block list by the envelope or by any address of From; allowed, which is stronger, who is on the
 * allow list by the envelope, or by every address of From (for anybody can add one).
 */
export function judgeSender({ allow, block }: SenderLists, sender: Senders): 'allowed' | 'blocked' | undefined {
  const { reversePath } = sender;
  const authors = authorsOf(sender.from);
  const allowed = (address: Address): boolean => isListed(allow, address);
  if (allow.length > 0) {
    if (reversePath !== null && allowed(reversePath)) return 'allowed';
    if (authors.length > 0 && authors.length === sender.from.length && authors.every(allowed)) return 'allowed';
  }
  const blocked = (address: Address): boolean => isListed(block, address);
  return (reversePath !== null && blocked(reversePath)) || authors.some(blocked) ? 'blocked' : undefined;
}

/** RFC 5321 §4.5.1 and RFC 2142 §4: who writes to them may have a complaint about the very list. */
export const isAlwaysReachable = (localPart: string): boolean => /^(?:postmaster|abuse)$/i.test(localPart);

const keyOf = ({ localPart, domain }: Address): string => nameOf(localPart, domain);

function authorsOf(from: readonly IndexedAddress[]): readonly Address[] {
  const found: Address[] = [];
  for (const { address } of from.slice(0, MOST_AUTHORS)) {
    try {
      found.push(parseAddress(address, { localPartLimit: 256 }));
    } catch (error) {
      // Whatever it is, it is on no list.
      if (!(error instanceof AddressSyntaxError)) throw error;
    }
  }
  return found;
}

/** Lists stay the same objects for as long as nobody changes the directory. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

function setOf(patterns: readonly string[]): ReadonlySet<string> {
  let known = sets.get(patterns);
  if (known === undefined) {
    known = new Set(patterns);
    sets.set(patterns, known);
  }
  return known;
}
