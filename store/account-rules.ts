/** What an account, or the whole peer, wants done with mail that comes in; and the keys that mail of a domain is signed with. Types and limits. */

/** What is to be done with a message that comes in. Filters are tried in their order; all that is asked in `when` must hold. */
export interface Filter {
  /** Made by us (`newId`). */
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  /** Texts: anywhere in the decoded field, without case. */
  readonly when: {
    readonly from?: string;
    /** To, Cc, and the envelope's recipient. */
    readonly to?: string;
    readonly subject?: string;
    readonly listId?: string;
    readonly header?: { readonly name: string; readonly contains: string };
    readonly text?: string;
    /** Octets of the message. */
    readonly larger?: number;
    readonly smaller?: number;
    readonly hasAttachment?: boolean;
  };
  readonly then: {
    /** A `MailboxId`; where it went away: INBOX. */
    readonly mailbox?: string;
    /** JMAP names: `$seen`, `$flagged`, … */
    readonly keywords?: readonly string[];
    readonly junk?: true;
    readonly discard?: true;
    readonly forward?: readonly string[];
  };
  /** No filter after this one. */
  readonly stop?: true;
}

/** RFC 3834, RFC 5230. */
export interface Autoreply {
  readonly enabled: boolean;
  readonly subject?: string;
  readonly text: string;
  readonly html?: string;
  /** Milliseconds since 1970. */
  readonly from?: number;
  readonly until?: number;
  /** Once per correspondent in so many days (1–90, default 7). */
  readonly days?: number;
}

/** `user@domain`, `@domain`, or `.domain` (the domain and all below). Of the envelope's sender and of From. */
export interface SenderLists {
  readonly allow: readonly string[];
  readonly block: readonly string[];
}

export const NO_SENDERS: SenderLists = { allow: [], block: [] };

export interface AccountRules {
  readonly filters?: readonly Filter[];
  readonly autoreply?: Autoreply;
  readonly senders?: SenderLists;
}

export const DKIM_ALGORITHMS = ['rsa-sha256', 'ed25519-sha256'] as const;
export type DkimAlgorithm = (typeof DKIM_ALGORITHMS)[number];
/** `published-only` waits until the world knows it; `retired` signs no more, but what it signed is still under way. */
export const DKIM_STATES = ['published-only', 'signing', 'retired'] as const;
export type DkimState = (typeof DKIM_STATES)[number];

export interface DkimKey {
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: DkimAlgorithm;
  /** PKCS #8 PEM: secret. */
  readonly key: string;
  readonly state: DkimState;
  readonly createdAt: number;
  /** When it came into its state, in milliseconds. */
  readonly since: number;
}

export const MOST_FILTERS = 100;
/** Octets of all filters of an account as JSON. */
export const MOST_FILTER_OCTETS = 65_536;
/** Addresses that a filter sends a message on to, and that all filters together do. */
export const MOST_FORWARDS = 20;
/** Octets of UTF-8, of the text and of the HTML each. */
export const MOST_AUTOREPLY_OCTETS = 65_536;
export const MOST_AUTOREPLY_DAYS = 90;
/** Of `allow` and `block` each. */
export const MOST_SENDERS = 1_000;
