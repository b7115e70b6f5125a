/** What stands behind keywords. Spaces at a line's end are passed over, as some clients send them, except where they may be a password's. */
import { ParseError } from './parse-error.ts';

type Rest = string | undefined;

const NUMBER = /^\d{1,10}$/;

const words = (rest: Rest): string[] => (rest ?? '').split(' ').filter((word) => word !== '');

export function none(rest: Rest): void {
  if (words(rest).length > 0) throw new ParseError('No arguments are expected');
}

/** Message numbers are counted from 1; whether there is such a message isn't asked here. */
export function messageNumber(rest: Rest): number {
  if (rest !== undefined && NUMBER.test(rest)) return Number(rest);
  const [word, ...more] = words(rest);
  if (word === undefined || more.length > 0) throw new ParseError('One message number is expected');
  return number(word);
}

export function optionalMessageNumber(rest: Rest): number | undefined {
  return words(rest).length === 0 ? undefined : messageNumber(rest);
}

export function numberAndLines(rest: Rest): { readonly message: number; readonly lines: number } {
  const [message, lines, ...more] = words(rest);
  if (message === undefined || lines === undefined || more.length > 0) {
    throw new ParseError('A message number and a number of lines are expected');
  }
  return { message: number(message), lines: number(lines) };
}

/** One argument without spaces at its ends; it may have some within (a name). */
export function text(rest: Rest): string {
  const trimmed = (rest ?? '').trim();
  if (trimmed === '') throw new ParseError('An argument is expected');
  return trimmed;
}

export function optionalText(rest: Rest): string | undefined {
  return (rest ?? '').trim() === '' ? undefined : text(rest);
}

/** RFC 1939 §7: spaces belong to the password. */
export function password(rest: Rest): string {
  if (rest === undefined || rest === '') throw new ParseError('A password is expected');
  return rest;
}

/** RFC 5034 §4: a mechanism and perhaps a response; neither asks for the list of mechanisms. */
export function mechanism(rest: Rest): { readonly mechanism?: string; readonly initial?: string } {
  const [name, initial, ...more] = words(rest);
  if (more.length > 0) throw new ParseError('A mechanism and a response are expected');
  return { ...(name !== undefined && { mechanism: name }), ...(initial !== undefined && { initial }) };
}

function number(word: string): number {
  if (!NUMBER.test(word)) throw new ParseError('A number is expected');
  return Number(word);
}
