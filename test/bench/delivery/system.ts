/** What is measured: a whole mail system with its accounts, `user0@bench.test` and so on. */
import type { FsyncShim } from './fsync-shim.ts';

export interface MailSystem {
  readonly name: string;
  readonly smtp: { readonly host: string; readonly port: number };
  readonly imap: { readonly host: string; readonly port: number };
  readonly password: string;
  readonly shim: FsyncShim | undefined;
  /** Processes whose trees are all of it. */
  roots(): readonly number[];
  /** Nothing that it has accepted is still on its way. */
  idle(): boolean;
  close(): Promise<void>;
}

export interface SystemOptions {
  /** A folder of its own, removed by the caller. */
  readonly folder: string;
  readonly accounts: number;
  readonly shim?: FsyncShim | undefined;
}

export const DOMAIN = 'bench.test';
export const addressesOf = (accounts: number): string[] =>
  Array.from({ length: accounts }, (_, i) => `user${i}@${DOMAIN}`);

/** Why a bench can't run here, and what would help. */
export class Missing extends Error {}
