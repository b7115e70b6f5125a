/** ESMTP parameters behind a path: `SIZE=1000 BODY=8BITMIME` (RFC 5321 §4.1.2 `Mail-parameters`). Keywords are compared without case (§2.4). */
import { type Reply, reply } from './reply.ts';
import { CommandSyntaxError, syntaxError } from './syntax-error.ts';

/** `undefined` is a parameter without a value. */
export type Parameters = ReadonlyMap<string, string | undefined>;

const KEYWORD = /^[A-Za-z0-9][A-Za-z0-9-]*$/;
/** esmtp-value of RFC 5321 §4.1.2, with UTF8-non-ascii (RFC 6531 §3.3). */
const VALUE = /^[!-<>-~\u{a0}-\u{10ffff}]+$/u;

/** `rest` is what follows the path: empty, or a space and parameters. Throws `CommandSyntaxError` for malformed or repeated ones. */
export function parseParameters(rest: string): Parameters {
  const found = new Map<string, string | undefined>();
  if (rest === '') return found;
  if (!rest.startsWith(' ')) throw syntaxError('A space belongs before parameters');
  for (const word of rest.split(' ')) {
    if (word === '') continue;
    const equals = word.indexOf('=');
    const keyword = (equals < 0 ? word : word.slice(0, equals)).toUpperCase();
    const value = equals < 0 ? undefined : word.slice(equals + 1);
    if (!KEYWORD.test(keyword) || (value !== undefined && !VALUE.test(value))) throw syntaxError('Malformed parameter');
    if (found.has(keyword)) throw syntaxError(`Parameter ${keyword} was given twice`);
    found.set(keyword, value);
  }
  return found;
}

/** RFC 5321 §4.1.1.11: 555 for parameters that aren't recognized or implemented. */
export function unknownParameter(keyword: string): CommandSyntaxError {
  const refusal: Reply = reply(555, '5.4', `Unknown parameter ${keyword}`);
  return new CommandSyntaxError(refusal);
}

/** The value of a parameter that cannot do without one. */
export function requireValue(keyword: string, value: string | undefined): string {
  if (value === undefined) throw syntaxError(`${keyword} wants a value`);
  return value;
}
