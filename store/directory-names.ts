/** The one form in which domains, addresses and logins are compared. */
import { AddressSyntaxError, formatAddress, parseAddress, parseDomain } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';

/** Local parts of our own domains compare without case. */
export const localKey = (localPart: string): string => localPart.normalize('NFC').toLowerCase();

export const nameOf = (localPart: string, domain: string): string => `${localKey(localPart)}@${domain.toLowerCase()}`;

/** What a person typed for a domain, as an A-label name; `bad-request` says what is wrong. */
export function readDomain(text: string): string {
  return reading(`"${text}" is no domain name`, () => parseDomain(text));
}

export function readAddress(text: string): Address {
  return reading(`"${text}" is no address: write local@domain`, () => parseAddress(text));
}

/** An alias: `@domain` for the catch-all, an address otherwise. `address` is how it is shown. */
export function readAlias(text: string): { readonly domain: string; readonly name: string; readonly address: string } {
  if (text.startsWith('@')) {
    const domain = readDomain(text.slice(1));
    return { domain, name: `@${domain}`, address: `@${domain}` };
  }
  const address = readAddress(text);
  return { domain: address.domain, name: nameOf(address.localPart, address.domain), address: formatAddress(address) };
}

function reading<T>(complaint: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AddressSyntaxError) throw new MailError('bad-request', complaint, { cause: error });
    throw error;
  }
}
