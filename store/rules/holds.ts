/**
 * Whether a text has another in it, in time that grows with both of them and not with their product: strangers write the texts, and some users write
 * filters to see what happens. `includes` looks at each place anew where the text is nearly what is looked for.
 */

/** Characters of what is looked for by `includes`, which is fastest for what people write. */
const SHORT = 16;

export function holds(text: string, sought: string): boolean {
  if (sought.length <= SHORT) return text.includes(sought);
  // Most texts don't have its beginning.
  const first = text.indexOf(sought.slice(0, SHORT));
  return first >= 0 && find(text, sought, first);
}

/** Knuth, Morris, Pratt: what has fitted so far says how much of it may fit still. */
function find(text: string, sought: string, from: number): boolean {
  const borders = bordersOf(sought);
  let fits = 0;
  for (let at = from; at < text.length; at += 1) {
    const c = text.charCodeAt(at);
    while (fits > 0 && sought.charCodeAt(fits) !== c) fits = borders[fits - 1]!;
    if (sought.charCodeAt(fits) === c) fits += 1;
    if (fits === sought.length) return true;
  }
  return false;
}

/** For each beginning of the text the length of the longest that it also ends with. */
function bordersOf(text: string): Uint32Array {
  const borders = new Uint32Array(text.length);
  for (let at = 1, fits = 0; at < text.length; at += 1) {
    const c = text.charCodeAt(at);
    while (fits > 0 && text.charCodeAt(fits) !== c) fits = borders[fits - 1]!;
    if (text.charCodeAt(fits) === c) fits += 1;
    borders[at] = fits;
  }
  return borders;
}
