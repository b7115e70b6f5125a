/** Plain text out of HTML. Best effort: nothing here throws. */

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
  ['nbsp', '\u00a0'],
  ['ndash', '–'],
  ['mdash', '—'],
  ['hellip', '…'],
  ['lsquo', '‘'],
  ['rsquo', '’'],
  ['ldquo', '“'],
  ['rdquo', '”'],
  ['auml', 'ä'],
  ['ouml', 'ö'],
  ['uuml', 'ü'],
  ['Auml', 'Ä'],
  ['Ouml', 'Ö'],
  ['Uuml', 'Ü'],
  ['szlig', 'ß'],
  ['eacute', 'é'],
  ['egrave', 'è'],
  ['agrave', 'à'],
  ['ccedil', 'ç'],
  ['euro', '€'],
  ['copy', '©'],
  ['reg', '®'],
]);

/** Elements whose content is no text for people. */
const HIDDEN = new Set(['script', 'style', 'head', 'title', 'template']);

/** Text of HTML, for search and previews only: never shown as HTML. Linear: each step moves forward by an `indexOf`. */
export function textOfHtml(html: string): string {
  const out: string[] = [];
  const lower = html.toLowerCase();
  // toLowerCase may change lengths (İ); offsets must agree.
  const names = lower.length === html.length ? lower : html;
  const unclosed = new Set<string>();
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open < 0) break;
    out.push(html.slice(at, open));
    at = html.startsWith('<!--', open) ? after(html, '-->', open + 4) : after(html, '>', open);
    const tag = /^(\/?)([a-z][a-z0-9]*)/.exec(names.slice(open + 1, open + 20));
    const name = tag?.[2] ?? '';
    if (!INLINE.has(name)) out.push(' ');
    if (tag?.[1] === '' && HIDDEN.has(name) && !unclosed.has(name)) {
      const close = names.indexOf(`</${name}`, at);
      // Looked for once: a page of unclosed tags must not be searched to its end for each.
      if (close < 0) unclosed.add(name);
      else at = close;
    }
  }
  if (at < html.length) out.push(html.slice(at));
  return decodeEntities(out.join(''));
}

/** A word may go on across these. */
const INLINE = new Set(['b', 'i', 'u', 'em', 'strong', 'span', 'font', 'a', 'small', 'big', 'wbr']);

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found + mark.length;
}

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));/g,
    (all, decimal, hexadecimal, name) => {
      if (name !== undefined) return ENTITIES.get(String(name)) ?? all;
      const code = decimal === undefined ? Number.parseInt(String(hexadecimal), 16) : Number(decimal);
      return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : '\ufffd';
    },
  );
}
