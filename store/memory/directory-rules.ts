/** The directory's rules for mail, DKIM keys, second factors and logins in memory. */
import type { AccountRules, DkimKey, SenderLists } from '../account-rules.ts';
import type { LoginLine, LoginNote, LoginQuery, SecondFactor } from '../directory.ts';
import type { AccountId } from '../types.ts';
import { MemoryCredentials } from './directory-credentials.ts';

export class MemoryRules extends MemoryCredentials {
  readonly #rules = new Map<AccountId, AccountRules>();
  readonly #factors = new Map<AccountId, SecondFactor>();
  readonly #keys = new Map<string, DkimKey>();
  #senders: SenderLists | undefined;
  #logins: LoginLine[] = [];
  #lastLogin = 0;

  protected rulesOf(id: AccountId): AccountRules | undefined {
    return this.#rules.get(id);
  }
  accountRules(): readonly { readonly id: AccountId; readonly rules: AccountRules }[] {
    return [...this.#rules].map(([id, rules]) => ({ id, rules }));
  }
  peerSenders(): SenderLists | undefined {
    return this.#senders;
  }
  secondFactor(id: AccountId): SecondFactor | undefined {
    return this.#factors.get(id);
  }
  dkimKeys(domain?: string): readonly DkimKey[] {
    return [...this.#keys.values()].filter((key) => domain === undefined || key.domain === domain);
  }
  logins({ account, before, limit }: LoginQuery, since: number): readonly LoginLine[] {
    const older = before === undefined ? Infinity : Number(before) || 0;
    const wanted = this.#logins.filter(
      (line) => Number(line.id) < older && line.last >= since && (account === undefined || line.account === account),
    );
    return wanted.reverse().slice(0, limit);
  }
  likeLogin(note: LoginNote, since: number): LoginLine | undefined {
    return this.#logins.findLast(
      (line) =>
        line.account === note.account &&
        (note.account !== undefined || line.login === note.login) &&
        line.first >= since &&
        (['remote', 'protocol', 'outcome', 'appPassword', 'token'] as const).every((key) => line[key] === note[key]),
    );
  }

  putRules(id: AccountId, rules: AccountRules): void {
    // As it would come back from a file.
    if (Object.keys(rules).length > 0) this.#rules.set(id, structuredClone(rules));
    else this.#rules.delete(id);
  }
  putPeerSenders(senders: SenderLists): void {
    this.#senders = senders;
  }
  putSecondFactor(id: AccountId, factor: SecondFactor | undefined): void {
    if (factor === undefined) this.#factors.delete(id);
    else this.#factors.set(id, structuredClone(factor));
  }
  putDkimKey(key: DkimKey): void {
    this.#keys.set(`${key.selector}@${key.domain}`, key);
  }
  removeDkimKey(domain: string, selector: string): void {
    this.#keys.delete(`${selector}@${domain}`);
  }
  addLogin(line: Omit<LoginLine, 'id'>): void {
    this.#logins.push({ id: String(++this.#lastLogin), ...line });
  }
  extendLogin(id: string, last: number, count: number): void {
    this.#logins = this.#logins.map((line) => (line.id === id ? { ...line, last, count } : line));
  }
  dropLogins(account: AccountId | undefined, outcome: LoginLine['outcome'], keep: number): void {
    const gone = this.#logins.filter((line) => line.account === account && line.outcome === outcome).slice(0, -keep);
    if (gone.length > 0) this.#logins = this.#logins.filter((line) => !gone.includes(line));
  }
  dropOldLogins(before: number): void {
    while (this.#logins[0] !== undefined && this.#logins[0].last < before) this.#logins.shift();
  }
  protected removeRulesOf(account: AccountId): void {
    this.#rules.delete(account);
    this.#factors.delete(account);
    this.#logins = this.#logins.filter((line) => line.account !== account);
  }
}
