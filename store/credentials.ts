/** Credentials besides an account's own password, and the log of who did what: the types that `Directory` deals in. */
import type { AccountId } from './types.ts';

export const APP_SCOPES = ['imap', 'pop3', 'smtp', 'rest'] as const;
/** What a login is for. */
export type AppScope = (typeof APP_SCOPES)[number];

export const TOKEN_SCOPES = ['mail:read', 'mail:write', 'send', 'account', 'admin:read', 'admin'] as const;
export type TokenScope = (typeof TOKEN_SCOPES)[number];

/** A password for one program or device, that an account has beside its own. */
export interface AppPassword {
  readonly id: string;
  readonly account: AccountId;
  readonly name: string;
  /** Empty: for everything. */
  readonly scopes: readonly AppScope[];
  readonly createdAt: number;
  readonly lastUsedAt?: number;
  readonly lastUsedFrom?: string;
}

export interface Token {
  readonly id: string;
  readonly name: string;
  /** Absent: a token of the peer itself, for an admin's programs. */
  readonly account?: AccountId;
  readonly scopes: readonly TokenScope[];
  readonly createdAt: number;
  readonly expiresAt?: number;
  /** CIDR networks or addresses that it may come from; absent: any. */
  readonly networks?: readonly string[];
  readonly lastUsedAt?: number;
  readonly lastUsedFrom?: string;
  /** `session` stands behind the cookie of a page. */
  readonly kind: 'api' | 'session';
}

export interface CredentialUse {
  readonly kind: 'app-password' | 'token';
  readonly id: string;
  readonly at: number;
  /** Address of the client. */
  readonly remote: string;
}

/** Who makes a change, for the audit log. */
export interface By {
  /** `cli`, the address of an account, or `token:` and the name of a token. */
  readonly actor: string;
  /** Instead of the change's type, where an act is more than the change that notes it. */
  readonly act?: string;
  /** JSON; never a secret. */
  readonly detail?: object;
}

export interface AuditLine {
  /** Ascending in time: `before` of the next page. */
  readonly id: string;
  readonly at: number;
  readonly actor: string;
  readonly act: string;
  /** The address, domain or name that it was done to. */
  readonly target: string;
  readonly detail?: object;
}

export interface AuditQuery {
  /** Lines older than that of this id. */
  readonly before?: string;
  readonly limit: number;
  readonly actor?: string;
  readonly target?: string;
}

/** A login, or a refused one. */
export interface LoginNote {
  /** As it was tried; never a password. */
  readonly login: string;
  /** Absent: whose it is is looked up by `login`. */
  readonly account?: AccountId;
  readonly protocol: AppScope;
  /** Address of the client. */
  readonly remote: string;
  readonly outcome: 'ok' | 'refused';
  /** Ids. Absent: the account's own password. */
  readonly appPassword?: string;
  readonly token?: string;
  readonly at: number;
}

/** Logins of one account (or unknown name), way, place and outcome within an hour. */
export interface LoginLine extends Omit<LoginNote, 'at'> {
  /** Ascending in time of the first: `before` of the next page. */
  readonly id: string;
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

export interface LoginQuery {
  readonly account?: AccountId;
  /** Lines older than that of this id. */
  readonly before?: string;
  readonly limit: number;
}

/** RFC 6238. */
export interface SecondFactor {
  readonly secret: Uint8Array;
  /** Hashes of the recovery codes that are left. */
  readonly recovery: readonly Uint8Array[];
  /** The time step of the last code that was used; 0 before the first. */
  readonly lastStep: number;
}
