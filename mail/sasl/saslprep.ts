/**
 * SASLprep (RFC 4013): the form in which user names and passwords are compared. `store/secret.ts` derives keys from prepared passwords and SCRAM
 * clients send proofs of them, so both sides must use this. ASCII without controls is its own prepared form.
 */

// Tables of code points as the inside of character classes: each point stands for itself, however it looks beside its neighbour.
// RFC 4013 §2.1: non-ASCII spaces (RFC 3454 C.1.2) become a space …
const SPACES = '\\u00a0\\u1680\\u2000-\\u200b\\u202f\\u205f\\u3000';
// … and what is commonly mapped to nothing (B.1) goes. U+200B stands in both tables; as a space it would change more passwords than as nothing.
const VANISHING = '\\u00ad\\u034f\\u1806\\u180b-\\u180d\\u200b-\\u200d\\u2060\\ufe00-\\ufe0f\\ufeff';
// RFC 4013 §2.3: C.1.2, C.2.1, C.2.2, C.3 to C.9.
const FORBIDDEN = [
  '\\u0000-\\u001f\\u007f-\\u00a0\\u0340\\u0341\\u06dd\\u070f\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u2063\\u206a-\\u206f',
  '\\u2ff0-\\u2ffb\\u3000\\ufeff\\ufff9-\\uffff\\u{1d173}-\\u{1d17a}\\u{e0001}\\u{e0020}-\\u{e007f}',
  '\\p{Noncharacter_Code_Point}\\p{Private_Use}\\p{Surrogate}',
].join('');
const NON_ASCII_SPACE = new RegExp(`[${SPACES}]`, 'gu');
const NOTHING = new RegExp(`[${VANISHING}]`, 'gu');
const PROHIBITED = new RegExp(`[${FORBIDDEN}]`, 'u');
// RFC 3454 §6: RandALCat, approximated by the scripts that are written from right to left, and LCat by letters of all others.
const RIGHT_TO_LEFT = /[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc]/u;
const LEFT_TO_RIGHT = /(?![\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc])\p{L}/u;

/** `undefined` when the text holds what is prohibited (controls, private use, mixed direction), or nothing is left of it. */
export function saslprep(text: string): string | undefined {
  if (/^[\x20-\x7e]+$/.test(text)) return text;
  const prepared = text.replace(NOTHING, '').replace(NON_ASCII_SPACE, ' ').normalize('NFKC');
  if (prepared === '' || PROHIBITED.test(prepared)) return undefined;
  if (RIGHT_TO_LEFT.test(prepared)) {
    const points = Array.from(prepared);
    const ends = RIGHT_TO_LEFT.test(points[0]!) && RIGHT_TO_LEFT.test(points.at(-1)!);
    if (!ends || LEFT_TO_RIGHT.test(prepared)) return undefined;
  }
  return prepared;
}
