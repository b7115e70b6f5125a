/** DNS as the programs need it: our own stub client implements it (`stub-resolver.ts`), tests pass a table. */

/** `nodata`: the name exists (or may) without such a record; `nxdomain`: it doesn't exist. A temporary failure throws `DnsFailure`. */
export interface Answer<T> {
  readonly status: 'ok' | 'nodata' | 'nxdomain';
  readonly records: readonly T[];
  /** The AD bit, believed only from a resolver on loopback or one that the configuration trusts. */
  readonly authentic: boolean;
  /** Seconds. */
  readonly ttl: number;
}

export interface MxRecord {
  readonly preference: number;
  /** Lower case, no final dot; empty for the null MX (RFC 7505). */
  readonly exchange: string;
}

export interface Resolver {
  mx(domain: string): Promise<Answer<MxRecord>>;
  a(name: string): Promise<Answer<string>>;
  aaaa(name: string): Promise<Answer<string>>;
  txt(name: string): Promise<Answer<string>>;
  /** The name that belongs to an address; `nodata` when there is none. */
  ptr(address: string): Promise<Answer<string>>;
}

/** SERVFAIL, timeout, refused, nonsense: always temporary. */
export class DnsFailure extends Error {
  readonly code: 'servfail' | 'timeout' | 'refused' | 'malformed';
  constructor(code: 'servfail' | 'timeout' | 'refused' | 'malformed', message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DnsFailure';
    this.code = code;
  }
}
