/** The system user that children run as when the supervisor is root. */
import { execFileSync } from 'node:child_process';
import { lchownSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** `undefined` when nothing changes: no user is configured, or we are not root. Throws when the user doesn't exist. */
export function childIdentity(user: string | undefined): Identity | undefined {
  if (user === undefined || process.getuid?.() !== 0) return undefined;
  const numbers = /^(\d+)(?::(\d+))?$/.exec(user);
  if (numbers !== null) return { uid: Number(numbers[1]), gid: Number(numbers[2] ?? numbers[1]) };
  // `id` asks the same sources as the rest of the system (LDAP, systemd); Node can't.
  const ask = (option: string): number => {
    try {
      return Number(
        execFileSync('id', [option, '--', user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
      );
    } catch (cause) {
      throw new Error(`user: this system has no user ${user}; create it (\`useradd --system ${user}\`)`, { cause });
    }
  };
  return { uid: ask('-u'), gid: ask('-g') };
}

/** Throws when the user can't come to the data folder: one that lies in a closed folder of root's, `/root/mail`, would fail later and obscurely. */
export function checkReach(owner: Identity, data: string): void {
  for (let folder = dirname(data); ; folder = dirname(folder)) {
    const { mode, uid, gid } = statSync(folder);
    const bit = uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) {
      throw new Error(
        `user: it may not enter ${folder}, where ${data} lies: \`chmod a+x ${folder}\`, or move the data folder`,
      );
    }
    if (folder === dirname(folder)) return;
  }
}

/** The private key stays root's, and what the admin wrote stays his. */
const KEPT = new Set(['tls', 'peerpost.toml']);

/** What root's commands made in the data folder goes to the user, else the programs couldn't write there. */
export function giveTo(owner: Identity, data: string): void {
  lchownSync(data, owner.uid, owner.gid);
  const pending = readdirSync(data)
    .filter((name) => !KEPT.has(name))
    .map((name) => join(data, name));
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const folder = path;
    const stat = lstatSync(folder);
    if (stat.uid === 0) lchownSync(folder, owner.uid, owner.gid);
    if (stat.isDirectory()) pending.push(...readdirSync(folder).map((name) => join(folder, name)));
  }
}
