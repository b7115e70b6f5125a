/** What each test of the directory's contract stands on. */
import assert from 'node:assert/strict';
import type { AccountSecret, Directory } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import { random } from './fixtures.ts';

export interface DirectoryHarness {
  readonly directory: Directory;
  /** Ends everything as kill -9 would, and opens the same data again. Absent where nothing is durable. */
  readonly crash?: () => Promise<Directory>;
  close(): Promise<void>;
}

export type OpenDirectory = (options: { readonly clock: { now(): number } }) => Promise<DirectoryHarness>;

export interface Ground {
  readonly harness: DirectoryHarness;
  readonly directory: Directory;
  readonly secret: AccountSecret;
  /** A domain of this test’s own. */
  readonly domain: string;
  /** What the directory's clock says from now on; never earlier. */
  readonly setTime: (time: number) => void;
  readonly account: (address: string) => Promise<string>;
  readonly alias: (address: string, ...targets: string[]) => Promise<void>;
  /** `account <detail>`, `alias targets…`, `unknown` or `foreign`. */
  readonly look: (address: string) => Promise<string>;
}

export const PASSWORD = 'correct horse battery';

export function ground(
  harness: DirectoryHarness,
  secret: AccountSecret,
  domain: string,
  setTime: (time: number) => void,
): Ground {
  const { directory } = harness;
  return {
    harness,
    directory,
    secret,
    domain,
    setTime,
    async account(address) {
      const id = newId('account', random);
      await directory.change({ type: 'add-account', id, address, shard: 3, secret });
      await directory.change({ type: 'activate-account', id });
      return id;
    },
    alias: (address, ...targets) => directory.change({ type: 'add-alias', address, targets }),
    async look(address) {
      const at = address.lastIndexOf('@');
      const found = await directory.lookup({ localPart: address.slice(0, at), domain: address.slice(at + 1) });
      if (found.kind === 'alias') return ['alias', ...found.targets.map((t) => `${t.localPart}@${t.domain}`)].join(' ');
      if (found.kind !== 'account') return found.kind;
      const { localPart, domain: at2 } = found.address;
      return [`${localPart}@${at2}`, found.detail].filter((x) => x !== undefined).join(' ');
    },
  };
}

export const refused = (failure: string) => (error: { failure?: string; message: string }) => {
  assert.equal(error.failure, failure, error.message);
  return true;
};

export type DirectoryTests = { readonly [title: string]: (on: Ground) => Promise<void> };
