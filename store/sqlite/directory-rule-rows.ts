/** The directory's rows of rules for mail, DKIM keys, second factors and logins in SQLite. */
import type { AccountRules, DkimKey, SenderLists } from '../account-rules.ts';
import type { LoginLine, LoginNote, LoginQuery, SecondFactor } from '../directory.ts';
import type { DirectoryRows, DirectoryWrites } from '../directory-rows.ts';
import type { AccountId } from '../types.ts';
import { SqliteCredentialRows } from './directory-credential-rows.ts';

const KEY = 'SELECT domain, selector, algorithm, key, state, created_at AS createdAt, since FROM dkim_key';
const LOGIN = `SELECT seq, account, login, protocol, remote, outcome, app_password AS appPassword, token, first, last, count FROM login`;
/** Old lines go a few at a time, with each new one. */
const DROPPED_AT_ONCE = 20;

type Kept = 'accountRules' | 'peerSenders' | 'secondFactor' | 'dkimKeys' | 'logins' | 'likeLogin';
type Written =
  | 'putRules'
  | 'putPeerSenders'
  | 'putSecondFactor'
  | 'putDkimKey'
  | 'removeDkimKey'
  | 'addLogin'
  | 'extendLogin'
  | 'dropLogins'
  | 'dropOldLogins';

export class SqliteRuleRows
  extends SqliteCredentialRows
  implements Pick<DirectoryRows, Kept>, Pick<DirectoryWrites, Written>
{
  accountRules(): readonly { readonly id: AccountId; readonly rules: AccountRules }[] {
    const rows = this.db.statement('SELECT id, rules FROM account WHERE rules IS NOT NULL').all();
    return rows.map(({ id, rules }) => ({ id: String(id), rules: JSON.parse(String(rules)) }));
  }
  peerSenders(): SenderLists | undefined {
    const row = this.db.statement("SELECT value FROM meta WHERE key = 'senders'").get();
    return row && JSON.parse(Buffer.from(row.value as Uint8Array).toString());
  }
  secondFactor(id: AccountId): SecondFactor | undefined {
    const row = this.db
      .statement('SELECT secret, recovery, last_step AS lastStep FROM second_factor WHERE id = ?')
      .get(id);
    if (row === undefined) return undefined;
    const recovery = (JSON.parse(String(row.recovery)) as string[]).map((text) => Buffer.from(text, 'base64'));
    return { secret: row.secret as Uint8Array, recovery, lastStep: Number(row.lastStep) };
  }
  dkimKeys(domain?: string): readonly DkimKey[] {
    const rows =
      domain === undefined
        ? this.db.statement(`${KEY} ORDER BY seq`).all()
        : this.db.statement(`${KEY} WHERE domain = ? ORDER BY seq`).all(domain);
    return rows.map((row) => ({ ...row })) as unknown as DkimKey[];
  }
  logins({ account, before, limit }: LoginQuery, since: number): readonly LoginLine[] {
    const older = before === undefined ? Number.MAX_SAFE_INTEGER : Number(before) || 0;
    const rows =
      account === undefined
        ? this.db.statement(`${LOGIN} WHERE seq < ? AND last >= ? ORDER BY seq DESC LIMIT ?`).all(older, since, limit)
        : this.db
            .statement(`${LOGIN} WHERE account = ? AND seq < ? AND last >= ? ORDER BY seq DESC LIMIT ?`)
            .all(account, older, since, limit);
    return rows.map(toLogin);
  }
  likeLogin(note: LoginNote, since: number): LoginLine | undefined {
    const { account, login, protocol, remote, outcome, appPassword, token } = note;
    // Of an account it is the same whatever spelling of its name was used.
    const sql = `${LOGIN} WHERE account IS ? AND remote = ? AND first >= ? AND (account IS NOT NULL OR login = ?)
      AND protocol = ? AND outcome = ? AND app_password IS ? AND token IS ? ORDER BY seq DESC LIMIT 1`;
    const row = this.db
      .statement(sql)
      .get(account ?? null, remote, since, login, protocol, outcome, appPassword ?? null, token ?? null);
    return row && toLogin(row);
  }

  putRules(id: AccountId, rules: AccountRules): void {
    const packed = Object.keys(rules).length > 0 ? JSON.stringify(rules) : null;
    this.db.statement('UPDATE account SET rules = ? WHERE id = ?').run(packed, id);
  }
  putPeerSenders(senders: SenderLists): void {
    const sql = `INSERT INTO meta (key, value) VALUES ('senders', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`;
    this.db.statement(sql).run(Buffer.from(JSON.stringify(senders)));
  }
  putSecondFactor(id: AccountId, factor: SecondFactor | undefined): void {
    this.db.statement('DELETE FROM second_factor WHERE id = ?').run(id);
    if (factor === undefined) return;
    const recovery = JSON.stringify(factor.recovery.map((hash) => Buffer.from(hash).toString('base64')));
    this.db
      .statement('INSERT INTO second_factor (id, secret, recovery, last_step) VALUES (?, ?, ?, ?)')
      .run(id, factor.secret, recovery, factor.lastStep);
  }
  putDkimKey({ domain, selector, algorithm, key, state, createdAt, since }: DkimKey): void {
    const sql = `INSERT INTO dkim_key (domain, selector, algorithm, key, state, created_at, since) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (domain, selector) DO UPDATE SET state = excluded.state, since = excluded.since`;
    this.db.statement(sql).run(domain, selector, algorithm, key, state, createdAt, since);
  }
  removeDkimKey(domain: string, selector: string): void {
    this.db.statement('DELETE FROM dkim_key WHERE domain = ? AND selector = ?').run(domain, selector);
  }
  addLogin(line: Omit<LoginLine, 'id'>): void {
    const { account, login, protocol, remote, outcome, appPassword, token, first, last, count } = line;
    const sql = `INSERT INTO login (account, login, protocol, remote, outcome, app_password, token, first, last, count)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    this.db
      .statement(sql)
      .run(account ?? null, login, protocol, remote, outcome, appPassword ?? null, token ?? null, first, last, count);
  }
  extendLogin(id: string, last: number, count: number): void {
    this.db.statement('UPDATE login SET last = ?, count = ? WHERE seq = ?').run(last, count, Number(id));
  }
  dropLogins(account: AccountId | undefined, outcome: LoginLine['outcome'], keep: number): void {
    const alike = 'account IS ?1 AND outcome = ?2';
    const oldest = `SELECT seq FROM login WHERE ${alike} ORDER BY seq DESC LIMIT 1 OFFSET ?3`;
    this.db.statement(`DELETE FROM login WHERE ${alike} AND seq <= (${oldest})`).run(account ?? null, outcome, keep);
  }
  dropOldLogins(before: number): void {
    const oldest = `SELECT seq FROM login ORDER BY seq LIMIT ${DROPPED_AT_ONCE}`;
    this.db.statement(`DELETE FROM login WHERE last < ? AND seq IN (${oldest})`).run(before);
  }
  protected removeRulesOf(account: AccountId): void {
    this.putSecondFactor(account, undefined);
    this.db.statement('DELETE FROM login WHERE account = ?').run(account);
  }
}

function toLogin(row: Record<string, unknown>): LoginLine {
  const { seq, ...line } = row;
  const known = Object.entries(line).filter(([, value]) => value !== null);
  return { id: String(seq), ...Object.fromEntries(known) } as unknown as LoginLine;
}
