const ONES = 0x0a0a0a0a;
const LOW7 = 0x7f7f7f7f;

/** How many LFs stand in [from, to): four octets at a time, since every octet of a text body passes here. */
export function countLines(bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  let at = from;
  while (at < to && ((bytes.byteOffset + at) & 3) !== 0) {
    if (bytes[at] === 0x0a) count += 1;
    at += 1;
  }
  const words = (to - at) >> 2;
  if (words > 0) {
    const view = new Int32Array(bytes.buffer, bytes.byteOffset + at, words);
    for (let i = 0; i < words; i += 1) {
      const x = (view[i] as number) ^ ONES;
      // Carry-free test for zero octets: the high bit of each octet of `hits` is set where x has a zero octet.
      const hits = ~(((x & LOW7) + LOW7) | x | LOW7);
      if (hits !== 0) count += ((hits >>> 7) & 1) + ((hits >>> 15) & 1) + ((hits >>> 23) & 1) + (hits >>> 31);
    }
    at += words * 4;
  }
  for (; at < to; at += 1) if (bytes[at] === 0x0a) count += 1;
  return count;
}
