/** Lists of flags (RFC 9051 §7.3.5, §7.5.2). A mailbox of 100,000 messages has a few distinct sets of flags: each is formatted once. */
import type { Flags } from '#store/types.ts';

const formatted = new WeakMap<Flags, string>();

/** `(\Seen work)`; remembered by the identity of the set, which views share among messages. */
export function formatFlags(flags: Flags): string {
  let text = formatted.get(flags);
  if (text === undefined) {
    text = `(${flags.join(' ')})`;
    formatted.set(flags, text);
  }
  return text;
}

/** `* FLAGS (…)`: the system flags and the keywords in use (RFC 9051 §7.3.5). */
export function formatFlagsResponse(flags: Flags): string {
  return `* FLAGS (${flags.join(' ')})\r\n`;
}

/** `PERMANENTFLAGS (… \*)`: `\*` tells that new keywords can be stored (RFC 9051 §7.1); in EXAMINE nothing can. */
export function permanentFlagsCode(flags: Flags, readOnly: boolean): string {
  return readOnly ? 'PERMANENTFLAGS ()' : `PERMANENTFLAGS (${[...flags, '\\*'].join(' ')})`;
}
