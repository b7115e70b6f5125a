/** Content-IDs of a message's parts, out of its finished BODYSTRUCTURE: nothing of the message has to be read for them. */
type Item = string | null | readonly Item[];

const OPEN = 0x28;
const CLOSE = 0x29;
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;

/** Content-IDs without angle brackets by the paths of their parts. @param bodystructure as the indexer made it. */
export function contentIds(bodystructure: Uint8Array): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  const root = read(Buffer.from(bodystructure.buffer, bodystructure.byteOffset, bodystructure.byteLength));
  if (typeof root === 'object' && root !== null) visit(root, '', ids);
  return ids;
}

function visit(part: readonly Item[], path: string, ids: Map<string, string>): void {
  if (Array.isArray(part[0])) {
    for (const [i, child] of part.entries()) {
      if (!Array.isArray(child)) return;
      visit(child, path === '' ? `${i + 1}` : `${path}.${i + 1}`, ids);
    }
    return;
  }
  // body-fld-id stands behind type, subtype and parameters (RFC 9051 §9).
  const id = part[3];
  if (typeof id === 'string') ids.set(path === '' ? '1' : path, id.trim().replace(/^<(.*)>$/, '$1'));
}

/** Our own text, which is well formed; depth is bounded by the indexer. */
function read(bytes: Buffer): Item {
  let at = 0;
  const value = (): Item => {
    const octet = bytes[at]!;
    if (octet === OPEN) return list();
    if (octet === QUOTE) return quoted();
    if (octet === BRACE) return literal();
    const start = at;
    while (at < bytes.length && bytes[at] !== SPACE && bytes[at] !== CLOSE && bytes[at] !== OPEN) at++;
    const atom = bytes.toString('latin1', start, at);
    return atom === 'NIL' ? null : atom;
  };
  const list = (): Item[] => {
    const items: Item[] = [];
    at++;
    while (at < bytes.length && bytes[at] !== CLOSE) {
      if (bytes[at] === SPACE) at++;
      else items.push(value());
    }
    at++;
    return items;
  };
  const quoted = (): string => {
    let text = '';
    for (at++; at < bytes.length && bytes[at] !== QUOTE; at++) {
      if (bytes[at] === BACKSLASH) at++;
      text += String.fromCharCode(bytes[at]!);
    }
    at++;
    return text;
  };
  const literal = (): string => {
    const end = bytes.indexOf('}', at);
    const length = Number.parseInt(bytes.toString('latin1', at + 1, end), 10);
    const start = end + 3; // } CR LF
    at = start + length;
    return bytes.toString('utf8', start, at);
  };
  return value();
}
