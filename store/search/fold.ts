/**
 * Text as searches compare it: RFC 5051-like, without case and without regard to how accents were composed. Upper case, because
 * unlike lower case it depends on no neighbours (final sigma) and unites ß with SS. Accents stay: what may be left out is known by whoever looks (holds.ts).
 */
export const fold = (text: string): string =>
  WIDE.test(text) ? text.normalize('NFC').toUpperCase().normalize('NFC') : text.toUpperCase();

/** Below, everything is composed, and its upper case too. */
const WIDE = /[^\u0000-\u00ff]/;
