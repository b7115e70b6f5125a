/** Classes of octets of RFC 9051 §9, as tables: `CLASS[octet] & ATOM`. */
export const ATOM = 1;
/** ATOM-CHAR / "]" */
export const ASTRING = 2;
/** ASTRING-CHAR / list-wildcards */
export const LIST = 4;
/** ASTRING-CHAR without "+" */
export const TAG = 8;
export const DIGIT = 16;
/** What may stand in a quoted string unescaped, 8-bit octets left out: TEXT-CHAR without `"` and `\`. */
export const QUOTED = 32;

export const CLASS = new Uint8Array(256);

const SPECIALS = '(){ %*"\\]';
for (let octet = 0; octet < 0x80; octet++) {
  const char = String.fromCharCode(octet);
  const control = octet < 0x20 || octet === 0x7f;
  const atom = !control && !SPECIALS.includes(char);
  const astring = atom || char === ']';
  const list = astring || char === '%' || char === '*';
  const digit = octet >= 0x30 && octet <= 0x39;
  const quoted = octet !== 0 && octet !== 0x0d && octet !== 0x0a && char !== '"' && char !== '\\';
  CLASS[octet] =
    (atom ? ATOM : 0) |
    (astring ? ASTRING : 0) |
    (list ? LIST : 0) |
    (astring && char !== '+' ? TAG : 0) |
    (digit ? DIGIT : 0) |
    (quoted ? QUOTED : 0);
}

/** True when every octet of `text` is of the class; an empty text is of none. */
export function isAll(text: string, wanted: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff || ((CLASS[code] ?? 0) & wanted) === 0) return false;
  }
  return text.length > 0;
}
