/**
 * Command lines (RFC 5321 §4.1.1) as data. A line is split into verb and argument here; each verb has a parser that throws `CommandSyntaxError`,
 * whose reply says what is wrong. MAIL and RCPT have their own files: mail-command.ts, rcpt-command.ts.
 */
import { reply } from './reply.ts';
import { CommandSyntaxError, syntaxError } from './syntax-error.ts';

export interface CommandLine {
  /** Upper case; empty when the line doesn't begin with a word. */
  readonly verb: string;
  /** What follows the verb and one space; trailing spaces are gone (§4.1.1: SHOULD be tolerated). */
  readonly argument: string;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `line` has no CRLF. Throws `CommandSyntaxError` (500) when it holds control characters or octets that are no UTF-8. */
export function splitCommand(line: Uint8Array): CommandLine {
  const text = textOf(line);
  const space = text.indexOf(' ');
  const end = space < 0 ? text.length : space;
  const verb = text.slice(0, end).toUpperCase();
  return { verb: WORD.test(verb) ? verb : '', argument: text.slice(end + 1).trimEnd() };
}

const PRINTABLE_ASCII = /^[ -~]*$/;
const WORD = /^[A-Z]+$/;

function textOf(line: Uint8Array): string {
  // Nearly every command; decoding as UTF-8 costs several times as much.
  const ascii = Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('latin1');
  if (PRINTABLE_ASCII.test(ascii)) return ascii;
  let text: string;
  try {
    text = decoder.decode(line);
  } catch (cause) {
    throw new CommandSyntaxError(
      reply(500, '5.2', cause instanceof Error ? 'The command is not UTF-8' : 'Malformed command'),
    );
  }
  // Tabs separate nothing in SMTP; other control characters could end up in logs and trace fields.
  if (/[\0-\x1f\x7f]/.test(text)) throw new CommandSyntaxError(reply(500, '5.2', 'Control characters in a command'));
  return text;
}

/** RFC 5321 §4.1.1.1, RFC 2033 §4.1: the client's name for itself. */
export interface Hello {
  readonly verb: 'HELO' | 'EHLO' | 'LHLO';
  readonly name: string;
}

/**
 * Any printable word is taken as a name: §4.1.4 forbids to refuse mail because the name is wrong, and clients on desktops say whatever they are called.
 */
export function parseHello(verb: Hello['verb'], argument: string): Hello {
  if (!/^[!-~\u{a0}-\u{10ffff}]{1,255}$/u.test(argument)) throw syntaxError(`${verb} wants your host name`);
  return { verb, name: argument };
}

/** For RSET, DATA, QUIT, STARTTLS: RFC 5321 §4.1.1.4 ff., RFC 3207 §4: no arguments, or 501. */
export function parseNothing(argument: string): undefined {
  if (argument !== '') throw syntaxError('This command takes no argument');
  return undefined;
}

/** For NOOP, HELP, VRFY, EXPN: an optional string that we ignore (§4.1.1.6 to §4.1.1.9). */
export function parseAnything(argument: string): string {
  return argument;
}

/** RFC 3030 §2. `octets` is a safe integer. */
export interface BdatArguments {
  readonly octets: number;
  readonly last: boolean;
}

export function parseBdat(argument: string): BdatArguments {
  const match = /^(\d{1,15})(?: +(LAST))?$/i.exec(argument);
  if (match === null) throw syntaxError('Use BDAT octets [LAST]');
  return { octets: Number(match[1]), last: match[2] !== undefined };
}

export function formatBdat(args: BdatArguments): string {
  return args.last ? `BDAT ${args.octets} LAST\r\n` : `BDAT ${args.octets}\r\n`;
}

/** RFC 4954 §4. `initial` is still base64; `=` (an empty initial response) has been turned into the empty string. */
export interface AuthArguments {
  readonly mechanism: string;
  readonly initial?: string;
}

export function parseAuth(argument: string): AuthArguments {
  const match = /^([A-Za-z0-9_-]{1,20})(?: +(\S+))?$/.exec(argument);
  if (match === null) throw syntaxError('Use AUTH mechanism [initial-response]');
  const mechanism = (match[1] ?? '').toUpperCase();
  const initial = match[2];
  if (initial === undefined) return { mechanism };
  return { mechanism, initial: initial === '=' ? '' : initial };
}

/** RFC 4954 §4: strict base64, or `undefined` (501 5.5.2). */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return undefined;
  return Buffer.from(text, 'base64');
}
