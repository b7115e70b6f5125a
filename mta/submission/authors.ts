/**
 * RFC 6409 §6.1: a submission server may refuse an author or sender that the user has no right to. The reverse-path is looked at when MAIL is answered; what people see
 * is the header's From, and it would be worth as little as anybody's if every user could write their neighbour's address there. Readers of odd fields differ, so
 * whatever one of them could take for an address counts.
 */
import { AddressSyntaxError, formatAddress, parseAddress, parseDomain } from '#mail/address.ts';
import type { Address } from '#mail/envelope.ts';
import { MailError } from '#mail/failure.ts';
import { formatAddrSpec, parseAddressList } from '#mail/header/address-list.ts';
import { textOfBinary } from '#mail/header/charset.ts';
import { decodeWords } from '#mail/header/encoded-word.ts';
import { splitFields, unfold } from '#mail/header/fields.ts';
import type { Directory, Login } from '#store/directory.ts';

/** Of the configuration: `own` takes nothing but the user's own addresses, `local` anything outside of our domains too, `any` everything. */
export type AuthorRule = 'own' | 'local' | 'any';

/** As far as it could be read: `address` is absent where it isn't one that anybody can have. */
export interface Author {
  readonly domain: string;
  readonly address?: Address;
  readonly shown: string;
}

/** Each is a question to the directory. */
const MOST = 100;

/** Who is said to have written or sent it: From and Sender, also where there are several. @param header binary string. @throws MailError `rejected` where there are too many. */
export function authorsOf(header: string): Author[] {
  const texts = splitFields(header, { fields: Number.POSITIVE_INFINITY })
    .filter(({ name }) => /^(?:from|sender)$/i.test(name))
    .flatMap(({ value }) => addressTexts(unfold(value)));
  const unique = [...new Set(texts)];
  // Permanent: a temporary failure would be tried again for days.
  if (unique.length > MOST) throw new MailError('rejected', 'Too many authors');
  return unique.map(author);
}

/** @throws MailError `not-permitted` with the address that isn't the user's. */
export async function checkAuthors(
  directory: Pick<Directory, 'maySendAs' | 'isLocalDomain'>,
  login: Login,
  authors: readonly Author[],
  rule: AuthorRule,
): Promise<void> {
  if (rule === 'any') return;
  for (const { domain, address, shown } of authors) {
    if (rule !== 'own' && !(await directory.isLocalDomain(domain))) continue;
    if (address !== undefined && (await directory.maySendAs(login.account, address))) continue;
    throw new MailError('not-permitted', `You may not write as ${shown}`);
  }
}

/**
 * The domain that may sign the message (DKIM), once `checkAuthors` has passed it: that of the first mailbox in From, if it is ours. Under the rule `any`, users may
 * write in each other's names, but no domain vouches for that. @param header binary string.
 */
export async function signingDomain(
  directory: Pick<Directory, 'maySendAs' | 'isLocalDomain'>,
  login: Login,
  header: string,
  rule: AuthorRule,
): Promise<string | undefined> {
  const from = splitFields(header, { fields: Number.POSITIVE_INFINITY }).find(({ name }) => /^from$/i.test(name));
  const first = parseAddressList(unfold(from?.value ?? '')).items.find((item) => item.kind === 'mailbox');
  if (first === undefined || first.domain === '') return undefined;
  const { domain, address } = author(textOfBinary(formatAddrSpec(first.local, first.domain)));
  if (address === undefined || !(await directory.isLocalDomain(domain))) return undefined;
  return rule !== 'any' || (await directory.maySendAs(login.account, address)) ? domain : undefined;
}

function addressTexts(value: string): string[] {
  const { items } = parseAddressList(value);
  return items
    .flatMap((item) => {
      if (item.kind !== 'mailbox') return [];
      // Some programs decode where nothing may be encoded, and show what comes out up to its first control.
      const decoded = decodeWords(textOfBinary(item.local));
      const { local, domain } = item;
      return [...(domain === '' ? [] : [textOfBinary(formatAddrSpec(local, domain))]), ...looseAddresses(decoded)];
    })
    .concat(looseAddresses(textOfBinary(bare(value))));
}

/** Without quoted strings and comments: a name in quotes is a name. */
function bare(value: string): string {
  let out = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < value.length; at += 1) {
    const c = value.charAt(at);
    if (c === '\\') at += 1;
    else if (c === '"' && depth === 0) quoted = !quoted;
    else if (quoted) continue;
    else if (c === '(') depth += 1;
    else if (c === ')' && depth > 0) depth -= 1;
    else if (depth === 0) out += c;
  }
  return out;
}

/** Begins at the beginning of a word alone: linear. */
const LOOSE = /(?<![^\s<>,;:@"()[\]\\])[^\s<>,;:@"()[\]\\]+@[^\s<>,;:@"()[\]\\]+/gu;

const looseAddresses = (text: string): string[] =>
  Array.from(text.replace(/[\0-\x1f\x7f]/g, ' ').matchAll(LOOSE), ([found]) => found);

function author(text: string): Author {
  const shown = text.replace(/[\0-\x1f\x7f]+/g, ' ').slice(0, 200);
  try {
    const address = parseAddress(text);
    return { domain: address.domain, address, shown: formatAddress(address) };
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error;
    return { domain: domainOf(text.slice(text.lastIndexOf('@') + 1)), shown };
  }
}

/** With its final dot, which a resolver takes and mail does not. */
function domainOf(text: string): string {
  const name = text.replace(/\.$/, '');
  try {
    return parseDomain(name);
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error;
    return name.toLowerCase();
  }
}
