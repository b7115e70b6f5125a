/** The typed configuration. `schema.ts` declares every key once: type, default, documentation; this is the shape it yields. Durations are milliseconds, sizes octets. */

export type ProgramName = 'mta' | 'mda' | 'imap-gateway';
export type Protocol =
  | 'smtp'
  | 'submission'
  | 'submissions'
  | 'lmtp'
  | 'imap'
  | 'imaps'
  | 'pop3'
  | 'pop3s'
  | 'http'
  | 'https'
  | 'sieve'
  | 'metrics';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface Config {
  /** The file that it was read from, and its folder, from which relative paths count. */
  readonly file: string;
  readonly hostname: string;
  /** Absolute path of the data folder. */
  readonly data: string;
  readonly user?: string;
  readonly workers: { readonly mta: number; readonly mda: number; readonly 'imap-gateway': number };
  readonly dns: { readonly servers: readonly Endpoint[] };
  readonly listeners: { readonly [P in Protocol]: readonly Endpoint[] } & { readonly lmtpUnix: string };
  readonly delivery: {
    readonly port: number;
    readonly allowLoopback: boolean;
    readonly smarthost?: Route;
    readonly smarthostUser?: string;
    readonly smarthostPasswordFile?: string;
    readonly smarthostCertificates?: string;
    /** Waits between attempts; the last repeats. */
    readonly retry: readonly number[];
    readonly expire: number;
    readonly delayNotice: number;
    readonly concurrencyPerDestination: number;
  };
  readonly routes: { readonly [domain: string]: Route };
  readonly limits: {
    readonly messageSize: number;
    readonly lineLength: number;
    readonly recipients: number;
    readonly connectionsPerAddress: number;
    readonly messagesPerMinutePerAddress: number;
    readonly authFailuresPerMinute: number;
    readonly receivedFields: number;
    /** Octets that stay free on the disk: messages are refused as temporary below. */
    readonly minimumFree: number;
    readonly exemptNetworks: readonly string[];
    /** SMTP and LMTP: an absolute limit for one command, and for the content of one message; octets a second below which a sender of content is cut off. */
    readonly commandTimeout: number;
    readonly contentTimeout: number;
    readonly minimumRate: number;
    /** IMAP after login (RFC 9051 §5.4: at least 30 minutes). */
    readonly idleTimeout: number;
    /** Octets for a new account; 0 is unlimited. */
    readonly quota: number;
  };
  readonly store: { readonly shards: number; readonly expungedRetention: number; readonly tombstoneRetention: number };
  /** Milliseconds. */
  readonly restart: { readonly drainTime: number };
  readonly login: {
    readonly channelBinding: boolean;
    /** Whose addresses From and Sender may hold in what users submit. */
    readonly headerFrom: 'own' | 'local' | 'any';
  };
  readonly pop3: {
    readonly inUse: 'refuse' | 'snapshot';
    readonly markSeen: boolean;
    /** Milliseconds. */
    readonly loginDelay: number;
    readonly expire: 'never' | 'retrieved';
  };
  readonly rest: {
    readonly corsOrigins: readonly string[];
    /** Networks of reverse proxies. */
    readonly trustedProxies: readonly string[];
    /** Private networks that webhooks may reach. */
    readonly webhookNetworks: readonly string[];
    readonly requestsPerMinute: number;
  };
  readonly tls: { readonly certificate?: string; readonly key?: string };
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly format: 'auto' | 'json' | 'pretty' };
}

export interface Route {
  readonly protocol: 'smtp' | 'lmtp';
  /** A Unix socket (lmtp only) has `path` instead of host and port. */
  readonly host: string;
  readonly port: number;
  readonly path?: string;
  /** `smtps://`: TLS from the first octet (RFC 8314). */
  readonly implicitTls?: true;
}
