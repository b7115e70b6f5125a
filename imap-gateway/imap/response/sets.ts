/** Sets of message numbers as we send them (RFC 9051 §9 sequence-set, uid-set): ascending ranges. */
import type { UidSet } from '#store/types.ts';

export function formatSet(set: UidSet): string {
  let out = '';
  for (const [first, last] of set) {
    if (out !== '') out += ',';
    out += first === last ? first : `${first}:${last}`;
  }
  return out;
}
