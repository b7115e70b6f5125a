/** Octets as an answer, whole or a range of them (RFC 9110 §14), at the client's pace. */
import type { IncomingHttpHeaders } from 'node:http';
import { Content } from '../content.ts';
import { HttpProblem } from '../problems.ts';
import type { Head } from '../route.ts';

export interface Served {
  readonly type: string;
  /** Strong: the octets behind it never change. */
  readonly tag: string;
  /** Asked where a range or the length is wanted: it may take a look at all of it. */
  readonly length: () => Promise<number>;
  /** Known without a look. */
  readonly cheapLength: boolean;
  /** Octets from `start` on. */
  readonly read: (start: number, end: number) => AsyncIterable<Uint8Array>;
  readonly headers: Readonly<Record<string, string>>;
}

export async function serve(
  served: Served,
  method: string,
  headers: IncomingHttpHeaders,
  head: Head,
): Promise<Content> {
  const { type, tag, read } = served;
  const range = method === 'GET' ? wanted(headers, tag) : undefined;
  const always = { 'accept-ranges': 'bytes', ...served.headers };
  if (range === undefined) {
    const length = served.cheapLength || method === 'HEAD' ? await served.length() : undefined;
    const body = read(0, length ?? Number.MAX_SAFE_INTEGER);
    return new Content({ type, body, ...(length !== undefined && { length }), headers: always });
  }
  const length = await served.length();
  const [start, end] = clip(range, length);
  head.status(206);
  return new Content({
    type,
    body: read(start, end),
    length: end - start,
    headers: { ...always, 'content-range': `bytes ${start}-${end - 1}/${length}` },
  });
}

interface Range {
  readonly first?: number;
  readonly last?: number;
}

/** Of several ranges, or of what is no range of octets, the whole is sent: that is always allowed (RFC 9110 §14.2). */
function wanted({ range, 'if-range': ifRange }: IncomingHttpHeaders, tag: string): Range | undefined {
  if (range === undefined || (ifRange !== undefined && ifRange !== tag)) return undefined;
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range.trim());
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const [first, last] = [
    match[1] === '' ? undefined : Number(match[1]),
    match[2] === '' ? undefined : Number(match[2]),
  ];
  if (first !== undefined && last !== undefined && last < first) return undefined;
  return { ...(first !== undefined && { first }), ...(last !== undefined && { last }) };
}

/** [start, end). */
function clip({ first, last }: Range, length: number): readonly [number, number] {
  const start = first ?? Math.max(0, length - last!);
  const end = first === undefined || last === undefined ? length : Math.min(last + 1, length);
  if (start < end) return [start, end];
  throw new HttpProblem('range-not-satisfiable', `There are ${length} octets`, {
    headers: { 'content-range': `bytes */${length}` },
  });
}

/** Octets [start, end) of what comes. */
export async function* cut(chunks: AsyncIterable<Uint8Array>, start: number, end: number): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const chunk of chunks) {
    const from = Math.max(0, start - at);
    const to = Math.min(chunk.length, end - at);
    if (from < to) yield chunk.subarray(from, to);
    at += chunk.length;
    if (at >= end) return;
  }
}

/** What people download is never shown in our own origin. RFC 6266, RFC 8187. */
export function downloadHeaders(filename: string): Record<string, string> {
  const name =
    filename
      // Nor marks that turn a name around: `fdp.exe` is no PDF.
      .replace(/[\u0000-\u001f\u007f-\u009f/\\\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '_')
      .slice(0, 200)
      .toWellFormed() || 'download';
  const ascii = name.replace(/[^\x20-\x7e]|["%]/g, '_');
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return {
    'content-disposition': `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`,
    'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'private, max-age=31536000, immutable',
  };
}
