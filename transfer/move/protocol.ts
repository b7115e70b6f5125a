/** What two peers say to one another while an account moves, as JSON: below `/api/v1/admin/incoming-moves`, with an admin's token of the peer that takes the account. */
import type { AccountRules } from '#store/account-rules.ts';
import type {
  ArchivedAppPassword,
  ArchivedMailbox,
  ArchivedSecondFactor,
  ArchivedSecret,
} from '../archive/manifest.ts';

/** `POST /incoming-moves`: the same again answers the same. */
export interface MoveOffer {
  /** Random, made by who sends; names the move on both sides. */
  readonly id: string;
  /** The account's address there. */
  readonly address: string;
  readonly secret: ArchivedSecret;
  readonly mailboxes: readonly ArchivedMailbox[];
  readonly subscribed: readonly string[];
}

export interface MoveState {
  /** Of the taking side: each step names the one that it found and fails with `conflict` where another came first. */
  readonly version: number;
  /** People can log in there, and mail comes in. */
  readonly active: boolean;
  readonly mailboxes: readonly {
    readonly id: string;
    readonly name: string;
    readonly role?: string;
    readonly uidValidity: number;
    readonly uidNext: number;
  }[];
  /** By mailbox of the leaving side, its last UID that has come. */
  readonly last: { readonly [mailbox: string]: number };
  readonly subscribed: readonly string[];
}

/** `POST /incoming-moves/{id}/changes`: in this order, all or nothing. */
export type MoveChange =
  | { readonly type: 'create-mailbox'; readonly id: string; readonly name: string; readonly uidValidity: number }
  | { readonly type: 'delete-mailbox'; readonly mailbox: string }
  | { readonly type: 'rename-mailbox'; readonly mailbox: string; readonly name: string; readonly uidValidity?: number }
  | { readonly type: 'set-role'; readonly mailbox: string; readonly role: string | null }
  | { readonly type: 'subscribe'; readonly name: string; readonly subscribed: boolean }
  | {
      readonly type: 'set-flags';
      readonly mailbox: string;
      readonly uids: UidRanges;
      readonly flags: readonly string[];
    }
  | { readonly type: 'expunge'; readonly mailbox: string; readonly uids: UidRanges }
  | { readonly type: 'raise-uid-next'; readonly mailbox: string; readonly uidNext: number }
  | { readonly type: 'put-record'; readonly kind: 'import'; readonly id: string; readonly value: string };

export type UidRanges = readonly (readonly [first: number, last: number])[];

/** `POST /incoming-moves/{id}/activate`: from now on the account is there. */
export interface MoveActivation {
  readonly version: number;
  readonly quota?: number;
  readonly forward?: { readonly targets: readonly string[]; readonly keep: boolean };
  readonly rules?: AccountRules;
  readonly appPasswords?: readonly ArchivedAppPassword[];
  readonly secondFactor?: ArchivedSecondFactor;
}

export interface MoveStep {
  readonly version: number;
}

/** The taking side, wherever it is. @throws MailError `conflict` for a version that is no more. */
export interface MoveTarget {
  offer(offer: MoveOffer): Promise<MoveState>;
  state(id: string, address: string): Promise<MoveState>;
  changes(id: string, address: string, version: number, changes: readonly MoveChange[]): Promise<MoveStep>;
  /** A tar of messages (archive/message-entry.ts), without an end. */
  messages(id: string, address: string, version: number, tar: AsyncIterable<Uint8Array>): Promise<MoveStep>;
  activate(id: string, address: string, activation: MoveActivation): Promise<MoveStep>;
}
