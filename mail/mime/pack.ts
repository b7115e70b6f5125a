/** Part trees as octets for storage: JSON arrays, since the engine reads and writes them faster than anything written here would. */
import { MailError } from '../failure.ts';
import type { PartNode } from './message-index.ts';

/** Changes whenever the layout does; an old layout stays readable. */
const LAYOUT = 1;

type Packed = [
  headerStart: number,
  bodyStart: number,
  bodyEnd: number,
  lines: number,
  type: string,
  encoding: string,
  charset: string | 0,
  disposition: string | 0,
  filename: string | 0,
  children: Packed[],
];

export function packParts(root: PartNode): Uint8Array {
  return Buffer.from(JSON.stringify([LAYOUT, pack(root)]), 'utf8');
}

/** Throws `unavailable` on octets that `packParts` did not make: storage is damaged. */
export function unpackParts(bytes: Uint8Array): PartNode {
  try {
    const [layout, root] = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
    if (layout === LAYOUT) return unpack(root as Packed);
  } catch (cause) {
    throw new MailError('unavailable', 'The part tree cannot be read', { cause });
  }
  throw new MailError('unavailable', 'The part tree has an unknown layout');
}

function pack(node: PartNode): Packed {
  return [
    node.headerStart,
    node.bodyStart,
    node.bodyEnd,
    node.lines,
    node.type,
    node.encoding,
    node.charset ?? 0,
    node.disposition ?? 0,
    node.filename ?? 0,
    node.children.map(pack),
  ];
}

function unpack(packed: Packed): PartNode {
  const [headerStart, bodyStart, bodyEnd, lines, type, encoding, charset, disposition, filename, children] = packed;
  return {
    headerStart,
    bodyStart,
    bodyEnd,
    type,
    ...(charset === 0 ? {} : { charset }),
    encoding,
    ...(disposition === 0 ? {} : { disposition }),
    ...(filename === 0 ? {} : { filename }),
    lines,
    children: children.map(unpack),
  };
}
