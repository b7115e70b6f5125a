/** How logins are kept: those that are alike within an hour in one line, so many and so long, and never what may be a password. */
import { AddressSyntaxError, parseAddress } from '#mail/address.ts';
import type { LoginNote } from './credentials.ts';
import { loginAccount } from './directory-lookup.ts';
import type { Rows } from './directory-requirements.ts';
import type { DirectoryRows } from './directory-rows.ts';

export const LOGINS_KEPT_MS = 30 * 86_400_000;
const TOGETHER_MS = 3_600_000;
/** Of each outcome by itself: whoever is refused from many addresses does not push out who came in. */
export const MOST_OF_ACCOUNT = 500;
const MOST_OF_NOBODY = 5_000;
const LONGEST_LOGIN = 256;

/** Notes that are alike, counted. */
export interface CountedLogin {
  readonly note: LoginNote;
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

export function keepLogin(rows: Rows, { note: given, first, last, count }: CountedLogin): void {
  const note = readNote(rows, given);
  const known = rows.likeLogin(note, first - TOGETHER_MS);
  if (known === undefined) {
    const { at: _, ...line } = note;
    rows.addLogin({ ...line, first, last, count });
    rows.dropLogins(note.account, note.outcome, note.account === undefined ? MOST_OF_NOBODY : MOST_OF_ACCOUNT);
  } else {
    rows.extendLogin(known.id, Math.max(last, known.last), known.count + count);
  }
  rows.dropOldLogins(last - LOGINS_KEPT_MS);
}

/** Whose it is, and the name as far as it may be shown. */
function readNote(rows: DirectoryRows, note: LoginNote): LoginNote {
  // What is told of a token is its name, which we know.
  if (note.token !== undefined) return { ...note, login: cut(note.login) };
  const account = note.account ?? loginAccount(rows, note.login)?.id;
  if (account === undefined) return { ...note, login: shownName(rows, note.login) };
  return { ...note, account, login: cut(note.login) };
}

/** Of a name that is nobody's: a password that was typed into the wrong field has no domain of ours. */
function shownName(rows: DirectoryRows, login: string): string {
  try {
    const { domain } = parseAddress(login.trim());
    return rows.domain(domain.toLowerCase()) === undefined ? 'an address elsewhere' : cut(login.trim().toLowerCase());
  } catch (error) {
    if (error instanceof AddressSyntaxError) return 'not an address';
    throw error;
  }
}

function cut(login: string): string {
  const octets = Buffer.from(login);
  // A character that the cut falls into goes.
  return octets.length <= LONGEST_LOGIN
    ? login
    : octets
        .subarray(0, LONGEST_LOGIN)
        .toString()
        .replace(/\uFFFD$/, '');
}
