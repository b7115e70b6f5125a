/** The directory's app passwords, tokens and audit log in memory. */
import type { AuditLine, AuditQuery, CredentialUse, Token } from '../directory.ts';
import type { StoredAppPassword } from '../directory-rows.ts';
import type { AccountId } from '../types.ts';

export class MemoryCredentials {
  readonly #passwords = new Map<string, StoredAppPassword>();
  readonly #tokens = new Map<string, { token: Token; hash: string }>();
  readonly #lines: AuditLine[] = [];
  #lastLine = 0;

  appPasswords(account: AccountId): readonly StoredAppPassword[] {
    return [...this.#passwords.values()].filter((password) => password.account === account);
  }
  appPasswordById(id: string): StoredAppPassword | undefined {
    return this.#passwords.get(id);
  }
  tokens(account?: AccountId): readonly Token[] {
    const all = [...this.#tokens.values()].map(({ token }) => token);
    return account === undefined ? all : all.filter((token) => token.account === account);
  }
  tokenByHash(hash: Uint8Array): Token | undefined {
    const key = hex(hash);
    return [...this.#tokens.values()].find((one) => one.hash === key)?.token;
  }
  tokenById(id: string): Token | undefined {
    return this.#tokens.get(id)?.token;
  }
  audit({ before, limit, actor, target }: AuditQuery): readonly AuditLine[] {
    const older = before === undefined ? Infinity : Number(before) || 0;
    const wanted = this.#lines.filter(
      (line) =>
        Number(line.id) < older &&
        (actor === undefined || line.actor === actor) &&
        (target === undefined || line.target === target),
    );
    return wanted.reverse().slice(0, limit);
  }

  addAppPassword(password: StoredAppPassword): void {
    this.#passwords.set(password.id, password);
  }
  removeAppPassword(id: string): void {
    this.#passwords.delete(id);
  }
  addToken(token: Token, hash: Uint8Array): void {
    this.#tokens.set(token.id, { token, hash: hex(hash) });
  }
  removeToken(id: string): void {
    this.#tokens.delete(id);
  }
  removeExpiredTokens(now: number): void {
    for (const token of this.tokens()) if ((token.expiresAt ?? Infinity) <= now) this.removeToken(token.id);
  }
  noteUse({ kind, id, at, remote }: CredentialUse): void {
    const used = { lastUsedAt: at, lastUsedFrom: remote };
    const password = this.#passwords.get(id);
    const known = this.#tokens.get(id);
    if (kind === 'app-password' && password !== undefined) this.#passwords.set(id, { ...password, ...used });
    if (kind === 'token' && known !== undefined) this.#tokens.set(id, { ...known, token: { ...known.token, ...used } });
  }
  addAuditLine(line: Omit<AuditLine, 'id'>): void {
    // As it would come back from a file.
    this.#lines.push(structuredClone({ id: String(++this.#lastLine), ...line }));
  }
  dropAuditLines(before: number): void {
    while (this.#lines[0] !== undefined && this.#lines[0].at < before) this.#lines.shift();
  }
  removeCredentialsOf(account: AccountId): void {
    for (const { id } of this.appPasswords(account)) this.removeAppPassword(id);
    for (const { id } of this.tokens(account)) this.removeToken(id);
  }
}

const hex = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');
