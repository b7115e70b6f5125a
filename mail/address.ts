/**
 * Addresses on the wire (RFC 5321 §4.1.2 `Mailbox`, RFC 6531 §3.3) and as data (`Address` of envelope.ts). Parsing unquotes the local part and turns
 * the domain into lower-case A-labels; formatting quotes as little as possible. Local parts keep their case: they belong to their domain (§2.4).
 */
import { domainToASCII } from 'node:url';
import type { Address } from './envelope.ts';

export interface AddressOptions {
  /** Non-ASCII characters are allowed (the SMTPUTF8 parameter was given, or the text doesn't come from SMTP). Default true. */
  readonly utf8?: boolean;
  /**
   * Octets of a local part, quotes not counted. RFC 5321 §4.5.3.1.1: 64 is what everybody must take, and the default. Paths of the envelope allow more (mail/smtp/path.ts),
   * since return paths made by rewriting (SRS, VERP) are longer in practice.
   */
  readonly localPartLimit?: number;
}

/** Malformed text; `offset` counts UTF-16 units. `nonAscii` tells that only SMTPUTF8 was missing (RFC 6531 §3.5: 553 5.6.7). */
export class AddressSyntaxError extends SyntaxError {
  readonly offset: number;
  readonly nonAscii: boolean;
  constructor(message: string, offset: number, nonAscii = false) {
    super(message);
    this.name = 'AddressSyntaxError';
    this.offset = offset;
    this.nonAscii = nonAscii;
  }
}

export const LOCAL_PART_LIMIT = 64;
/** RFC 5321 §4.5.3.1.2, of the A-label form. */
export const DOMAIN_LIMIT = 255;

// UTF8-non-ascii of RFC 6531 §3.3, less the C1 controls, surrogates and the replacement character that stands for broken text.
const HIGH = '\\u{a0}-\\u{d7ff}\\u{e000}-\\u{fffc}\\u{10000}-\\u{10ffff}';
const ATEXT = `[\\w!#$%&'*+/=?^\`{|}~\\-${HIGH}]+`;
const DOT_STRING = new RegExp(`${ATEXT}(?:\\.${ATEXT})*`, 'uy');
const QUOTED_STRING = new RegExp(`"((?:[ !#-\\[\\]-~${HIGH}]|\\\\[ -~])*)"`, 'uy');
const DOMAIN = new RegExp(`[A-Za-z0-9.\\-${HIGH}]+`, 'uy');
/**
 * What nearly every address is, ASCII without quotes: found by one expression instead of four. A label is not checked for its length here; what follows
 * must be no part of a domain.
 */
const USUAL_LABEL = '[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const ASCII_ATEXT = "[\\w!#$%&'*+/=?^`{|}~-]+";
const USUAL = new RegExp(
  `(${ASCII_ATEXT}(?:\\.${ASCII_ATEXT})*)@(${USUAL_LABEL}(?:\\.${USUAL_LABEL})*)(?![A-Za-z0-9.\\x2d\\x80-\\uffff])`,
  'y',
);
/** No label can be too long in a domain that is not longer than a label may be. */
const LABEL_LIMIT = 63;
const LITERAL = /\[[!-Z^-~]+\]/y;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NON_ASCII = /[^\0-\x7f]/;

/** The whole text is one address: `local@domain`. Throws `AddressSyntaxError`. */
export function parseAddress(text: string, options: AddressOptions = {}): Address {
  const { address, end } = scanAddress(text, 0, options);
  if (end !== text.length) throw new AddressSyntaxError('text after the address', end);
  return address;
}

/** Reads one address at `start`; `end` is where it stops. For callers whose grammar goes on behind it (paths, address lists). */
export function scanAddress(text: string, start: number, options: AddressOptions): { address: Address; end: number } {
  const usual = matchAt(USUAL, text, start);
  if (usual !== null) {
    const [{ length }, localPart = '', domain = ''] = usual;
    if (localPart.length <= (options.localPartLimit ?? LOCAL_PART_LIMIT) && domain.length <= LABEL_LIMIT)
      return { address: { localPart, domain: domain.toLowerCase() }, end: start + length };
  }
  const local = scanLocalPart(text, start, options);
  if (text[local.end] !== '@') throw new AddressSyntaxError('@ expected', local.end);
  const domain = scanDomain(text, local.end + 1, options);
  return { address: { localPart: local.value, domain: domain.value }, end: domain.end };
}

/** A local part, quoted or not, unquoted. */
export function scanLocalPart(text: string, start: number, options: AddressOptions): { value: string; end: number } {
  let value: string;
  let end: number;
  if (text[start] === '"') {
    const match = matchAt(QUOTED_STRING, text, start);
    if (match === null) throw new AddressSyntaxError('malformed quoted local part', start);
    value = (match[1] ?? '').replace(/\\(.)/g, '$1');
    end = start + match[0].length;
  } else {
    const match = matchAt(DOT_STRING, text, start);
    if (match === null) throw new AddressSyntaxError('local part expected', start);
    value = match[0];
    end = start + value.length;
  }
  if (NON_ASCII.test(value)) {
    if (options.utf8 === false) throw new AddressSyntaxError('a non-ASCII address needs SMTPUTF8', start, true);
    // RFC 6532 §3.1: one spelling, so that equal addresses compare equal.
    value = value.normalize('NFC');
  }
  // RFC 5321 §4.5.3.1.1: at most 64 octets.
  if (Buffer.byteLength(value) > (options.localPartLimit ?? LOCAL_PART_LIMIT)) {
    throw new AddressSyntaxError('local part too long', start);
  }
  return { value, end };
}

/** A domain or address literal. */
export function scanDomain(text: string, start: number, options: AddressOptions): { value: string; end: number } {
  if (text[start] === '[') {
    const match = matchAt(LITERAL, text, start);
    if (match === null || !isAddressLiteral(match[0])) throw new AddressSyntaxError('malformed address literal', start);
    return { value: match[0], end: start + match[0].length };
  }
  const match = matchAt(DOMAIN, text, start);
  if (match === null) throw new AddressSyntaxError('domain expected', start);
  if (options.utf8 === false && NON_ASCII.test(match[0])) {
    throw new AddressSyntaxError('a non-ASCII domain needs SMTPUTF8', start, true);
  }
  const value = toAscii(match[0]);
  if (value === undefined) throw new AddressSyntaxError('malformed domain', start);
  return { value, end: start + match[0].length };
}

/** A DNS name in lower-case A-labels, from A- or U-labels; throws `AddressSyntaxError` when it is none. No final dot. */
export function parseDomain(text: string, options: AddressOptions = {}): string {
  const { value, end } = scanDomain(text, 0, options);
  if (end !== text.length || value.startsWith('[')) throw new AddressSyntaxError('malformed domain', end);
  return value;
}

/** `local@domain`, quoted if need be; `postmaster` alone when the domain is empty (RFC 5321 §4.5.1). */
export function formatAddress(address: Address): string {
  const local = formatLocalPart(address.localPart);
  return address.domain === '' ? local : `${local}@${address.domain}`;
}

const USUAL_LOCAL = new RegExp(`^${ASCII_ATEXT}(?:\\.${ASCII_ATEXT})*$`);
const PLAIN_LOCAL = new RegExp(`^${ATEXT}(?:\\.${ATEXT})*$`, 'u');

/** RFC 5321 §4.1.2: the form that uses the minimum quoting possible. */
export function formatLocalPart(localPart: string): string {
  return USUAL_LOCAL.test(localPart) || PLAIN_LOCAL.test(localPart)
    ? localPart
    : `"${localPart.replace(/["\\]/g, '\\$&')}"`;
}

/** True when the address cannot travel without SMTPUTF8 (RFC 6531): the domain always can, as A-labels. */
export function needsUtf8(address: Address): boolean {
  return NON_ASCII.test(address.localPart);
}

function matchAt(pattern: RegExp, text: string, index: number): RegExpExecArray | null {
  pattern.lastIndex = index;
  return pattern.exec(text);
}

function toAscii(text: string): string | undefined {
  // `domainToASCII` reads hosts of URLs: it takes percent escapes and writes `0x7f.1` as an IPv4 address. DOMAIN lets no `%` in, and a last label
  // of digits only, which no DNS name has (RFC 3696 §2), is refused before and after.
  const domain = NON_ASCII.test(text) ? domainToASCII(text) : text.toLowerCase();
  if (domain === '' || domain.length > DOMAIN_LIMIT) return undefined;
  const labels = domain.split('.');
  if (!labels.every((label) => LABEL.test(label))) return undefined;
  return /^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '') ? undefined : domain;
}

/** RFC 5321 §4.1.3. */
function isAddressLiteral(text: string): boolean {
  const inner = text.slice(1, -1);
  const ipv4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(inner);
  if (ipv4 !== null) return ipv4.slice(1).every((part) => Number(part) <= 255);
  const tagged = /^([A-Za-z0-9-]*[A-Za-z0-9]):(.+)$/.exec(inner);
  if (tagged === null) return false;
  if (tagged[1]?.toLowerCase() !== 'ipv6') return true;
  return /^[0-9A-Fa-f:.]+$/.test(tagged[2] ?? '') && domainToASCII(`[${tagged[2]}]`) !== '';
}
