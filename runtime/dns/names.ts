/** Domain names as DNS wants them. */
import { isIPv4 } from 'node:net';
import { ipv6Groups } from '../address.ts';

/** Lower case, no final dot. */
export function canonicalName(name: string): string {
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  return bare.toLowerCase();
}

/** RFC 1035 §2.3.4: labels of 1 to 63 octets, 255 in all on the wire. Underscores and the like are legal in DNS. */
export function canBeAsked(name: string): boolean {
  if (name === '' || name.length > 253 || !/^[\x21-\x7e]+$/.test(name)) return false;
  return name.split('.').every((label) => label.length >= 1 && label.length <= 63);
}

/** RFC 1035 §3.5, RFC 3596 §2.5: the name under which an address's PTR record stands. */
export function reverseName(address: string): string {
  if (isIPv4(address)) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const digits = ipv6Groups(address)
    .map((group) => group.toString(16).padStart(4, '0'))
    .join('');
  return `${digits.split('').reverse().join('.')}.ip6.arpa`;
}
