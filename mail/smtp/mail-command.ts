/** MAIL (RFC 5321 §4.1.1.2) with SIZE, BODY, SMTPUTF8, RET, ENVID, AUTH and our private XDELIVERYID (STORE.md §2) and XREDIRECT. */
import type { BodyType, ReversePath } from '../envelope.ts';
import { decodeXtext, encodeXtext, XtextSyntaxError } from '../xtext.ts';
import { parseParameters, requireValue, unknownParameter } from './parameters.ts';
import { formatPath, scanReversePath } from './path.ts';
import { syntaxError, withAddressErrors } from './syntax-error.ts';

export interface MailArguments {
  readonly reversePath: ReversePath;
  /** RFC 1870 §3: octets that the client announces. */
  readonly size?: number;
  /** RFC 6152, RFC 3030 §3; absent when not given, which means 7bit. */
  readonly body?: BodyType;
  /** RFC 6531 §3.4. */
  readonly smtputf8: boolean;
  /** RFC 3461 §4.3. */
  readonly ret?: 'full' | 'hdrs';
  /** RFC 3461 §4.4, decoded. */
  readonly envelopeId?: string;
  /** RFC 4954 §5, decoded: an address or `<>`. We believe nobody. */
  readonly auth?: string;
  /** Ours, from MTA to MDA only: the same for every try of one message. */
  readonly deliveryId?: string;
  /** Ours, from our gateway to our MTA only: the account sends on what came to it, and the reverse-path is the sender's. */
  readonly redirect?: true;
}

type MailKeyword = 'SIZE' | 'BODY' | 'SMTPUTF8' | 'RET' | 'ENVID' | 'AUTH' | 'XDELIVERYID' | 'XREDIRECT';

export interface MailSyntax {
  /** Those that were announced in this session; others are answered 555. */
  readonly parameters: ReadonlySet<string>;
  /** Submission: a space behind the colon is tolerated, as mail clients write it. */
  readonly lenient: boolean;
}

/** All of them, with lenient spaces: for tests and tools. */
export const MAIL_PARAMETERS: ReadonlySet<MailKeyword> = new Set<MailKeyword>([
  'SIZE',
  'BODY',
  'SMTPUTF8',
  'RET',
  'ENVID',
  'AUTH',
  'XDELIVERYID',
  'XREDIRECT',
]);

/** `argument` is what follows `MAIL `. Throws `CommandSyntaxError`. */
export function parseMail(argument: string, syntax: MailSyntax): MailArguments {
  const start = scanClause('FROM:', argument, syntax.lenient);
  // RFC 6531 §3.4: the parameter that allows UTF-8 in the path stands behind the path.
  const utf8 = syntax.parameters.has('SMTPUTF8') && / SMTPUTF8(?: |$)/i.test(argument);
  const { path, end } = withAddressErrors('1.7', () => scanReversePath(argument, start, { utf8 }));
  const found: { -readonly [K in keyof MailArguments]: MailArguments[K] } = { reversePath: path, smtputf8: false };
  for (const [keyword, value] of parseParameters(argument.slice(end))) {
    if (!syntax.parameters.has(keyword)) throw unknownParameter(keyword);
    const reader = readers[keyword as MailKeyword];
    if (reader === undefined) throw unknownParameter(keyword);
    reader(found, value);
  }
  return found;
}

/** Where the path begins: `FROM:` or `TO:` at the start, without case. */
export function scanClause(clause: string, argument: string, lenient: boolean): number {
  if (argument.slice(0, clause.length).toUpperCase() !== clause) throw syntaxError(`${clause}<path> expected`);
  let start = clause.length;
  while (lenient && argument[start] === ' ') start += 1;
  return start;
}

type Draft = { -readonly [K in keyof MailArguments]: MailArguments[K] };

const readers: { readonly [K in MailKeyword]: (found: Draft, value: string | undefined) => void } = {
  SIZE(found, value) {
    // RFC 1870 §5: up to 20 digits.
    if (value === undefined || !/^\d{1,20}$/.test(value)) throw syntaxError('SIZE wants a number of octets');
    // What nobody can send is as good as what nobody can count.
    found.size = Math.min(Number(value), Number.MAX_SAFE_INTEGER);
  },
  BODY(found, value) {
    const body = requireValue('BODY', value).toLowerCase();
    if (body !== '7bit' && body !== '8bitmime' && body !== 'binarymime') {
      throw syntaxError('BODY is 7BIT, 8BITMIME or BINARYMIME');
    }
    found.body = body;
  },
  SMTPUTF8(found, value) {
    if (value !== undefined) throw syntaxError('SMTPUTF8 takes no value');
    found.smtputf8 = true;
  },
  RET(found, value) {
    const ret = requireValue('RET', value).toLowerCase();
    if (ret !== 'full' && ret !== 'hdrs') throw syntaxError('RET is FULL or HDRS');
    found.ret = ret;
  },
  ENVID(found, value) {
    // RFC 3461 §4.4: up to 100 characters, and printable ASCII once decoded, for it will stand in a header field.
    const xtext = requireValue('ENVID', value);
    const decoded = decode('ENVID', xtext);
    if (xtext.length > 100 || !/^[ -~]+$/.test(decoded)) throw syntaxError('Malformed ENVID');
    found.envelopeId = decoded;
  },
  AUTH(found, value) {
    const decoded = decode('AUTH', requireValue('AUTH', value));
    if (/[\0-\x1f\x7f]/.test(decoded)) throw syntaxError('Malformed AUTH');
    found.auth = decoded;
  },
  XDELIVERYID(found, value) {
    const decoded = decode('XDELIVERYID', requireValue('XDELIVERYID', value));
    if (!/^[!-~]{1,200}$/.test(decoded)) throw syntaxError('Malformed XDELIVERYID');
    found.deliveryId = decoded;
  },
  XREDIRECT(found, value) {
    if (value !== undefined) throw syntaxError('XREDIRECT takes no value');
    found.redirect = true;
  },
};

function decode(keyword: string, xtext: string): string {
  try {
    return decodeXtext(xtext);
  } catch (error) {
    if (error instanceof XtextSyntaxError) throw syntaxError(`Malformed ${keyword}`);
    throw error;
  }
}

/** The whole line with CRLF. The caller leaves out what the peer did not announce. */
export function formatMail(mail: MailArguments): string {
  let line = `MAIL FROM:${formatPath(mail.reversePath)}`;
  if (mail.size !== undefined) line += ` SIZE=${mail.size}`;
  if (mail.body !== undefined) line += ` BODY=${mail.body.toUpperCase()}`;
  if (mail.smtputf8) line += ' SMTPUTF8';
  if (mail.ret !== undefined) line += ` RET=${mail.ret.toUpperCase()}`;
  if (mail.envelopeId !== undefined) line += ` ENVID=${encodeXtext(mail.envelopeId)}`;
  if (mail.auth !== undefined) line += ` AUTH=${encodeXtext(mail.auth)}`;
  if (mail.deliveryId !== undefined) line += ` XDELIVERYID=${encodeXtext(mail.deliveryId)}`;
  if (mail.redirect) line += ' XREDIRECT';
  return `${line}\r\n`;
}
