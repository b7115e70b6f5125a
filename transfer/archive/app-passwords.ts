/** App passwords on their way to another peer: what checks them, so that phones and programs go on. */
import { MailError } from '#mail/failure.ts';
import type { Random } from '#runtime/ambient.ts';
import { APP_SCOPES, type AppScope } from '#store/credentials.ts';
import type { By, Directory } from '#store/directory.ts';
import { newId } from '#store/ids.ts';
import type { AccountId } from '#store/types.ts';
import type { ArchivedAppPassword } from './manifest.ts';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

export async function packAppPasswords(directory: Directory, account: AccountId): Promise<ArchivedAppPassword[]> {
  return (await directory.appPasswordKeys(account)).map(({ name, scopes, keys }) => ({
    name,
    scopes,
    keys: keys.map(({ storedKey, serverKey }) => ({ storedKey: base64(storedKey), serverKey: base64(serverKey) })),
  }));
}

/**
 * Those that the account does not have by name. Where it has got a new password, with another salt, none would ever count: they stay away.
 * @throws MailError `bad-request` for what is no app password.
 */
export async function addAppPasswords(
  { directory, random }: { readonly directory: Directory; readonly random: Random },
  account: AccountId,
  scram: { readonly salt: Uint8Array; readonly iterations: number },
  passwords: readonly ArchivedAppPassword[],
  by?: By,
): Promise<void> {
  const here = (await directory.secret(account))?.scram;
  if (here?.iterations !== scram.iterations || Buffer.compare(here.salt, scram.salt) !== 0) return;
  const known = new Set((await directory.appPasswords(account)).map(({ name }) => name));
  for (const { name, scopes, keys } of passwords) {
    if (known.has(name)) continue;
    const made = { salt: scram.salt, iterations: scram.iterations, keys: keys.map(unpackKeys) };
    const id = newId('password', random);
    await directory.change({ type: 'add-app-password', id, account, name, scopes: scopes.map(scopeOf), made }, by);
  }
}

function unpackKeys({ storedKey, serverKey }: ArchivedAppPassword['keys'][number]) {
  const octets = (text: unknown): Uint8Array => {
    const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : Buffer.alloc(0);
    if (bytes.length !== KEY_OCTETS) throw new MailError('bad-request', 'the app password is not whole');
    return new Uint8Array(bytes);
  };
  return { storedKey: octets(storedKey), serverKey: octets(serverKey) };
}

/** Of SHA-256. */
const KEY_OCTETS = 32;

function scopeOf(text: string): AppScope {
  const scope = APP_SCOPES.find((one) => one === text);
  if (scope === undefined) throw new MailError('bad-request', `there is no scope "${text}"`);
  return scope;
}
