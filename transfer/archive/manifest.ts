/** What an archive says of its account before the messages come (docs/archive-format.md). */
import { MailError } from '#mail/failure.ts';
import type { AccountRules } from '#store/account-rules.ts';
import type { AccountSecret } from '#store/directory.ts';
import { isId } from '#store/ids.ts';
import type { Role } from '#store/types.ts';

export const MANIFEST = 'peerpost-archive.json';
export const END = 'peerpost-end.json';
export const RECORDS = 'records/';
export const FORMAT = 'peerpost-archive';
export const VERSION = 1;

export interface ArchivedMailbox {
  readonly id: string;
  readonly name: string;
  readonly role?: Role;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly messages: number;
}

export interface ArchivedSecondFactor {
  /** Base64. */
  readonly secret: string;
  /** The time step of the last code that was used. */
  readonly lastStep: number;
}

export interface Manifest {
  readonly format: typeof FORMAT;
  readonly version: number;
  /** Random; the same for no other archive. */
  readonly id: string;
  readonly createdAt: string;
  readonly account: {
    readonly address: string;
    /** Octets. */
    readonly quota?: number;
    readonly forward?: { readonly targets: readonly string[]; readonly keep: boolean };
    readonly rules?: AccountRules;
    /** Addresses that lead to this account alone. */
    readonly aliases: readonly string[];
    readonly secret?: ArchivedSecret;
    /** Only beside the secret, whose salt they are keyed with. */
    readonly appPasswords?: readonly ArchivedAppPassword[];
    /** Only beside the secret. */
    readonly secondFactor?: ArchivedSecondFactor;
  };
  readonly mailboxes: readonly ArchivedMailbox[];
  readonly subscribed: readonly string[];
}

/** The last entry. */
export interface End {
  readonly messages: number;
  readonly octets: number;
  /** Of every octet of the archive before this entry, hexadecimal. */
  readonly sha256: string;
}

/** Larger ones are no manifests. */
export const MOST_JSON = 64 * 1024 * 1024;

export function parseManifest(text: string): Manifest {
  const manifest = parseJson(text) as Partial<Manifest>;
  if (manifest.format !== FORMAT) throw new MailError('bad-request', 'this is no archive of an account');
  if (manifest.version !== VERSION) {
    throw new MailError('unsupported', `an archive of version ${String(manifest.version)}, made by a newer Peerpost`);
  }
  const { account, mailboxes, subscribed } = manifest;
  const whole =
    typeof account?.address === 'string' &&
    Array.isArray(account.aliases) &&
    Array.isArray(subscribed) &&
    Array.isArray(mailboxes) &&
    mailboxes.every(({ id, name }) => isId(String(id)) && typeof name === 'string') &&
    isId(String(manifest.id));
  if (!whole) throw new MailError('bad-request', 'the archive is damaged: its manifest is not whole');
  return manifest as Manifest;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MailError('bad-request', 'the archive is damaged: JSON can not be read', { cause: error });
  }
}

/** Octets as base64. */
export interface ArchivedAppPassword {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly keys: readonly { readonly storedKey: string; readonly serverKey: string }[];
}

export interface ArchivedSecret {
  readonly argon2: { salt: string; hash: string; memory: number; passes: number; parallelism: number };
  readonly scram: { salt: string; iterations: number; storedKey: string; serverKey: string };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Octets as base64. */
export function packSecret({ argon2, scram }: AccountSecret): ArchivedSecret {
  const { memory, passes, parallelism } = argon2;
  const { iterations } = scram;
  return {
    argon2: { salt: base64(argon2.salt), hash: base64(argon2.hash), memory, passes, parallelism },
    scram: {
      salt: base64(scram.salt),
      iterations,
      storedKey: base64(scram.storedKey),
      serverKey: base64(scram.serverKey),
    },
  };
}

/** @throws MailError `bad-request`. */
export function unpackSecret({ argon2, scram }: ArchivedSecret): AccountSecret {
  const octets = (text: unknown): Uint8Array => {
    if (typeof text !== 'string' || text === '') throw new MailError('bad-request', 'the secret is not whole');
    return new Uint8Array(Buffer.from(text, 'base64'));
  };
  const number = (value: unknown, most: number): number => {
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > most) {
      throw new MailError('bad-request', 'the secret is not whole');
    }
    return value as number;
  };
  return {
    argon2: {
      salt: octets(argon2?.salt),
      hash: octets(argon2?.hash),
      // Whoever made them up could make each login dear.
      memory: number(argon2?.memory, 262_144),
      passes: number(argon2?.passes, 10),
      parallelism: number(argon2?.parallelism, 16),
    },
    scram: {
      salt: octets(scram?.salt),
      iterations: number(scram?.iterations, 1_000_000),
      storedKey: octets(scram?.storedKey),
      serverKey: octets(scram?.serverKey),
    },
  };
}
