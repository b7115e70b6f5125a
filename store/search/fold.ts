/**
 * Text as searches compare it: RFC 5051-like, without case and without regard to how accents were composed. Upper case, because
 * unlike lower case it depends on no neighbours (final sigma) and unites ß with SS.
 */
export const fold = (text: string): string => text.normalize('NFC').toUpperCase().normalize('NFC');
