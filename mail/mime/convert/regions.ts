/** A message as the regions that a conversion may treat differently, in their order and without a gap: what each octet is for. */
import { decodingOf } from '../decode.ts';
import type { PartNode } from '../message-index.ts';

export type RegionKind =
  | 'header'
  | 'leaf'
  /** Text that nobody reads, and the first delimiter line behind it. */
  | 'preamble'
  | 'delimiter'
  /** The last delimiter line, and text that nobody reads. */
  | 'epilogue'
  /** The body of a multipart in which no delimiter was found. */
  | 'formless';

export interface Region {
  readonly kind: RegionKind;
  readonly start: number;
  readonly end: number;
  /** The part whose header or body it is; the multipart for what stands between parts. */
  readonly node: PartNode;
  /** Within a multipart/signed: nothing may change (RFC 1847 §2.1). */
  readonly signed: boolean;
}

/** `undefined` when the tree doesn't cover the message without gaps: then nobody knows what is what. */
export function regionsOf(root: PartNode, size: number): Region[] | undefined {
  const regions: Region[] = [];
  walk(root, false, regions);
  let at = 0;
  for (const region of regions) {
    if (region.start !== at || region.end < at) return undefined;
    at = region.end;
  }
  return at === size ? regions : undefined;
}

/** Depth is bounded by the limits of the index. */
function walk(node: PartNode, signed: boolean, regions: Region[]): void {
  const { bodyStart, bodyEnd, children } = node;
  const inner = signed || node.type === 'multipart/signed';
  const push = (kind: RegionKind, start: number, end: number, untouchable = inner): void => {
    regions.push({ kind, start, end, node, signed: untouchable });
  };
  push('header', node.headerStart, bodyStart, signed);
  if (isLeaf(node)) {
    push('leaf', bodyStart, bodyEnd, signed);
    return;
  }
  if (!node.type.startsWith('multipart/')) {
    for (const child of children) walk(child, signed, regions);
    return;
  }
  const [only] = children;
  if (children.length === 1 && only?.headerStart === bodyEnd) {
    push('formless', bodyStart, bodyEnd);
    return;
  }
  let at = bodyStart;
  for (const [i, child] of children.entries()) {
    push(i === 0 ? 'preamble' : 'delimiter', at, child.headerStart);
    walk(child, inner, regions);
    at = child.bodyEnd;
  }
  push('epilogue', at, bodyEnd);
}

/** A message that was encoded although RFC 2046 §5.2.1 forbids it has not been opened. */
function isLeaf(node: PartNode): boolean {
  if (node.children.length === 0) return true;
  return !node.type.startsWith('multipart/') && decodingOf(node.encoding) !== 'identity' && !opened(node);
}

const opened = (node: PartNode): boolean => node.children[0]?.headerStart === node.bodyStart;
