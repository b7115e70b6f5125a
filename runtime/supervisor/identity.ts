/** The system user that children run as when the supervisor is root. */
import { execFileSync } from 'node:child_process';

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** `undefined` when nothing changes: no user is configured, or we are not root. Throws when the user doesn't exist. */
export function childIdentity(user: string | undefined): Identity | undefined {
  if (user === undefined || process.getuid?.() !== 0) return undefined;
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
