/** IP addresses in one spelling, so that they can be compared, counted and logged. */
import { BlockList, isIP, isIPv6 } from 'node:net';

/** IPv4-mapped IPv6 becomes IPv4, a zone is dropped, IPv6 is lower case and compressed (RFC 5952); other text is returned as it is. */
export function canonicalAddress(address: string): string {
  if (!isIPv6(address)) return address;
  const zone = address.indexOf('%');
  const bare = zone < 0 ? address : address.slice(0, zone);
  const written = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(written);
  if (mapped === null) return written;
  const high = Number.parseInt(mapped[1] ?? '', 16);
  const low = Number.parseInt(mapped[2] ?? '', 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** 127.0.0.0/8 and ::1, in any spelling. */
export function isLoopback(address: string): boolean {
  const canonical = canonicalAddress(address);
  return canonical === '::1' || (canonical.startsWith('127.') && isIP(canonical) === 4);
}

/** Tells whether an address lies in one of the networks (`192.0.2.0/24`, `2001:db8::/32`, or a single address). Throws `TypeError` on nonsense. */
export function networkMatcher(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [text = '', bits] = network.split('/');
    const address = canonicalAddress(text);
    const family = isIP(address);
    if (family === 0) throw new TypeError(`not a network: ${network}`);
    list.addSubnet(
      address,
      bits === undefined ? (family === 4 ? 32 : 128) : Number(bits),
      family === 4 ? 'ipv4' : 'ipv6',
    );
  }
  const known = new Map<string, boolean>();
  const isIn = (address: string): boolean => {
    const canonical = canonicalAddress(address);
    const family = isIP(canonical);
    return family !== 0 && list.check(canonical, family === 4 ? 'ipv4' : 'ipv6');
  };
  return (address) => {
    const before = known.get(address);
    if (before !== undefined) return before;
    const found = isIn(address);
    if (known.size >= REMEMBERED) known.clear();
    known.set(address, found);
    return found;
  };
}

/** Addresses that a matcher keeps its answer for: the same few ask with each request. */
const REMEMBERED = 1_000;

/** The eight 16-bit groups of an IPv6 address. */
export function ipv6Groups(address: string): number[] {
  const written = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = '', tail] = written.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
}

/** What limits count by: an IPv4 address, or the /64 of an IPv6 one, since whoever has one of its addresses has them all (RFC 4291 §2.5.1). */
export function networkOf(address: string): string {
  const canonical = canonicalAddress(address);
  if (!isIPv6(canonical)) return canonical;
  const [a, b, c, d] = ipv6Groups(canonical).map((group) => group.toString(16));
  return `${canonicalAddress(`${a}:${b}:${c}:${d}::`)}/64`;
}

/**
 * The IPv4 addresses that an IPv6 address stands for: IPv4-compatible and -mapped, SIIT (RFC 2765), NAT64 (RFC 6052 §2.1, RFC 8215), 6to4 (RFC 3056), Teredo
 * (RFC 4380 §4: server, and client with its bits inverted), ISATAP (RFC 5214 §6.1). What may not be connected to may not be reached so either.
 */
export function embeddedAddresses(address: string): string[] {
  if (!isIPv6(address)) return [];
  const groups = ipv6Groups(address.replace(/%.*/, ''));
  const at = (index: number, mask = 0): string => {
    const [high = 0, low = 0] = [groups[index], groups[index + 1]].map((group) => (group ?? 0) ^ mask);
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  };
  const begins = (...prefix: number[]): boolean => prefix.every((group, index) => groups[index] === group);
  if (begins(0x2002)) return [at(1)];
  if (begins(0x2001, 0)) return [at(2), at(6, 0xffff)];
  if (begins(0x64, 0xff9b)) return [at(6)];
  // RFC 4291 §2.5.2, §2.5.3: `::` and `::1` stand for themselves.
  if (begins(0, 0, 0, 0, 0, 0, 0) && (groups[7] ?? 0) <= 1) return [];
  if (begins(0, 0, 0, 0, 0) || begins(0, 0, 0, 0, 0xffff, 0)) return [at(6)];
  return (groups[4] === 0 || groups[4] === 0x200) && groups[5] === 0x5efe ? [at(6)] : [];
}
