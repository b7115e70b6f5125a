/**
 * Whether folded text (fold.ts) has what is looked for. A letter that was typed without an accent finds those with one too, one that was typed with an accent only
 * itself (asymmetric search, UTS #10 §8.2): "uber" finds "Über", "über" doesn't find "uber". The text is left as it is and the needle becomes a pattern, for to take the
 * accents off a text costs as much as to decode it.
 */

/** Letters that carry no accent by Unicode's decompositions, and are typed without it all the same. */
const STROKES: readonly (readonly [string, string])[] = [
  ['D', 'Đ'],
  ['H', 'Ħ'],
  ['L', 'Ł'],
  ['O', 'ØǾ'],
  ['T', 'Ŧ'],
];
const ACCENTED = /^.[\u0300-\u036f]+$/;
/** Latin, Greek, Cyrillic; above them, Latin and Greek with several accents. */
const LETTERS: readonly (readonly [number, number])[] = [
  [0xc0, 0x52f],
  [0x1e00, 0x1fff],
];
/** Longer needles are looked for as they are. */
const LONGEST = 256;
/** Of needles in use. */
const MOST_PATTERNS = 64;

/** @param needle folded. */
export function holds(text: string, needle: string): boolean {
  const pattern = patternOf(needle);
  return pattern === undefined ? text.includes(needle) : pattern.test(text);
}

const patterns = new Map<string, RegExp | undefined>();

/** `undefined` where no letter of it stands for others. */
export function patternOf(needle: string): RegExp | undefined {
  if (patterns.has(needle)) return patterns.get(needle);
  const made = makePattern(needle);
  if (patterns.size >= MOST_PATTERNS) patterns.clear();
  patterns.set(needle, made);
  return made;
}

function makePattern(needle: string): RegExp | undefined {
  if (needle.length > LONGEST) return undefined;
  const all = variants();
  const letters = Array.from(needle);
  if (!letters.some((letter) => all.has(letter))) return undefined;
  return new RegExp(letters.map((letter) => all.get(letter) ?? RegExp.escape(letter)).join(''));
}

let classes: ReadonlyMap<string, string> | undefined;

/** Upper-case letters without an accent, each with the pattern of all that it finds. */
function variants(): ReadonlyMap<string, string> {
  classes ??= makeClasses();
  return classes;
}

function makeClasses(): ReadonlyMap<string, string> {
  const found = new Map(STROKES);
  for (const [first, last] of LETTERS) {
    for (let code = first; code <= last; code++) {
      const letter = String.fromCharCode(code);
      const parts = letter.normalize('NFD');
      // What folding leaves of a text is upper case, and composed.
      if (letter !== letter.toUpperCase() || !ACCENTED.test(parts)) continue;
      found.set(parts[0]!, (found.get(parts[0]!) ?? '') + letter);
    }
  }
  return new Map(Array.from(found, ([base, others]) => [base, `[${base}${others}]`]));
}
