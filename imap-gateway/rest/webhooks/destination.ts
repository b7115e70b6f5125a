/** Where webhooks may lead: not into the networks around this host, whatever name or spelling leads there (SSRF). Checked on the address that is connected to. */
import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { MailError } from '#mail/failure.ts';
import { canonicalAddress, embeddedAddresses, isLoopback, networkMatcher } from '#runtime/address.ts';

/** Special-purpose addresses (RFC 6890 and its registries) that aren't reachable for everybody. */
const PRIVATE = networkMatcher([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '::/127',
  '100::/64',
  '2001:db8::/32',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]);

/** @param allowed networks that may be reached though they are private. */
export function mayReach(address: string, allowed: readonly string[]): boolean {
  const canonical = canonicalAddress(address);
  if (isIP(canonical) === 0) return false;
  if (networkMatcher(allowed)(canonical)) return true;
  return ![canonical, ...embeddedAddresses(canonical)].some(PRIVATE);
}

const ALLOW = ', unless webhook-networks in [rest] of the configuration allow it';

/** @throws MailError `not-permitted`: what is wrong with the URL as it is written. Names are looked at when they are connected to. */
export function checkUrl(text: string, allowed: readonly string[]): URL {
  if (!URL.canParse(text)) throw new MailError('not-permitted', 'That is no URL');
  const url = new URL(text);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const literal = isIP(host) !== 0;
  if (url.username !== '' || url.password !== '') throw new MailError('not-permitted', 'The URL may have no password');
  const plain =
    url.protocol === 'http:' && (isLoopback(host) || host === 'localhost') && mayReach('127.0.0.1', allowed);
  if (url.protocol !== 'https:' && !plain)
    throw new MailError('not-permitted', `The URL must begin with https://${ALLOW}`);
  if (literal && !mayReach(host, allowed)) {
    throw new MailError('not-permitted', `That address may not be reached${ALLOW}`);
  }
  return url;
}

/** Looks a name up as the system does, and answers only what may be reached. */
export function guardedLookup(allowed: readonly string[], lookup = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const good = found.filter(({ address }) => mayReach(address, allowed));
      const [first] = good;
      if (first === undefined) return callback(new Error('no address that may be reached'), []);
      if (options.all === true) callback(null, good);
      else callback(null, first.address, first.family);
    });
  };
}
