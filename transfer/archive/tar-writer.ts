/** A tar stream (POSIX.1-2001 pax): what has no place in the old header, and what is ours, stands in an extended header before its entry. */

export interface TarHead {
  readonly name: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The name of an earlier entry that this one is another name of; it has no content then. */
  readonly link?: string;
  /** Of our own; keys begin with `PEERPOST.`. */
  readonly pax?: Readonly<Record<string, string>>;
}

export const BLOCK = 512;
const MODE = '0000600\0';
const OWNER = '0000000\0';
const LONGEST = 100;

/** Extended header and header, whole blocks. */
export function tarHead({ name, size, time, link, pax = {} }: TarHead): Buffer {
  const records: Record<string, string> = { ...pax };
  if (!fits(name)) records.path = name;
  if (link !== undefined && !fits(link)) records.linkpath = link;
  const own = header(name, size, time, link === undefined ? '0' : '1', link ?? '');
  if (Object.keys(records).length === 0) return own;
  const extended = Buffer.from(Object.entries(records).map(paxRecord).join(''));
  return Buffer.concat([header('pax', extended.length, time, 'x', ''), extended, padding(extended.length), own]);
}

const fits = (name: string): boolean => Buffer.byteLength(name) <= LONGEST && /^[\x20-\x7e]*$/.test(name);

/** `length key=value\n`, where the length counts itself. */
function paxRecord([key, value]: [string, string]): string {
  const rest = ` ${key}=${value}\n`;
  const octets = Buffer.byteLength(rest);
  let length = octets + String(octets).length;
  if (String(length).length > String(octets).length) length = octets + String(length).length;
  return `${length}${rest}`;
}

function header(name: string, size: number, time: number, type: string, link: string): Buffer {
  const out = Buffer.alloc(BLOCK);
  out.write(plain(name), 0, LONGEST, 'latin1');
  out.write(MODE + OWNER + OWNER, 100, 'latin1');
  out.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  const seconds = Math.min(0o77777777777, Math.max(0, Math.floor(time / 1000)));
  out.write(`${seconds.toString(8).padStart(11, '0')}\0`, 136, 'latin1');
  out.write('        ', 148, 'latin1');
  out.write(type, 156, 'latin1');
  out.write(plain(link), 157, LONGEST, 'latin1');
  out.write('ustar\u000000', 257, 'latin1');
  const sum = out.reduce((total, octet) => total + octet, 0);
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return out;
}

const plain = (name: string): string => name.replace(/[^\x20-\x7e]/g, '_').slice(0, LONGEST);

/** Zeros up to the next block. */
export const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** What ends a tar. */
export const TAR_END = Buffer.alloc(2 * BLOCK);
