/**
 * RFC 8601 §5: only what this peer's own servers wrote may be shown as its verdict. Delivered mail passed the MTA, which takes out what others wrote in our name; an
 * archive, or a peer from which an account moves here, may say anything. So a message that comes by them with Authentication-Results comes as one that was never
 * delivered here: octet by octet the same, but without a prefix.
 */

/** Octets of a header that are looked at. */
const MOST = 1_048_576;
const RESULTS = /^authentication-results[ \t]*:/im;
const END = /(?:^|\n)\r?\n/g;

export interface Arriving {
  readonly content: AsyncIterable<Uint8Array>;
  readonly prefixLength: number;
}

export async function withoutVerdicts({ content, prefixLength }: Arriving): Promise<Arriving> {
  if (prefixLength === 0) return { content, prefixLength };
  const source = content[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let end: number | undefined;
  while (end === undefined && head.length < MOST) {
    const next = await source.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
    end = headerEnd(head, prefixLength);
  }
  const known = end ?? head.length;
  const doubtful = end === undefined && head.length >= MOST;
  const claims = doubtful || RESULTS.test(head.toString('latin1', 0, known));
  return { content: joined(head, source), prefixLength: claims ? 0 : prefixLength };
}

/** Of the body's header, behind the prefix; `undefined` while it isn't in sight. */
function headerEnd(head: Buffer, prefixLength: number): number | undefined {
  if (head.length <= prefixLength) return undefined;
  const body = head.toString('latin1', prefixLength);
  END.lastIndex = 0;
  return END.test(body) ? prefixLength + END.lastIndex : undefined;
}

async function* joined(head: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
