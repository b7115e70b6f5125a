/** The name of a client's address for the Received field (RFC 5321 §4.4 TCP-info): from the PTR record, and only if the name leads back. */
import { canonicalAddress } from '#runtime/address.ts';
import { DnsFailure, type Resolver } from '#runtime/dns/resolver.ts';

/** PTR names that are tried. */
const NAMES = 3;

/** Starts looking and answers at once; the function tells the name as soon as there is one. Nobody ever waits for it. */
export function lookUpHostName(resolver: Resolver, address: string): () => string | undefined {
  let name: string | undefined;
  void verifiedName(resolver, address).then((found) => {
    name = found;
  });
  return () => name;
}

/** Does not reject: without a name the field has the address alone. */
async function verifiedName(resolver: Resolver, address: string): Promise<string | undefined> {
  try {
    const pointers = await resolver.ptr(address);
    for (const name of pointers.records.slice(0, NAMES)) {
      const answer = address.includes(':') ? await resolver.aaaa(name) : await resolver.a(name);
      if (answer.records.some((record) => canonicalAddress(record) === address)) return name;
    }
    return undefined;
  } catch (error) {
    if (error instanceof DnsFailure) return undefined;
    throw error;
  }
}
