/** The records of a zip file (APPNOTE 6.3.10 §4.3). Names are UTF-8; times are UTC, since the format knows no zone. */

export interface EntryFacts {
  readonly name: Buffer;
  readonly time: number;
  /** Where its local header stands. */
  readonly position: number;
  readonly method: number;
  /** CRC and sizes follow the content. */
  readonly streamed: boolean;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
}

const LOCAL = 30;
/** Octets of a line of the directory, without its name. */
export const CENTRAL = 46;
const NEEDS = 20;
const NEEDS_ZIP64 = 45;
const UNIX = 3 << 8;
const UTF8 = 0x0800;
const DESCRIPTOR = 0x0008;
const MODE = (0o100644 << 16) >>> 0;
const MOST_32 = 0xffff_ffff;
const MOST_16 = 0xffff;

const flagsOf = ({ streamed }: EntryFacts): number => (streamed ? UTF8 | DESCRIPTOR : UTF8);

export function localHeader(entry: EntryFacts): Buffer {
  const out = Buffer.alloc(LOCAL + entry.name.length);
  out.writeUInt32LE(0x04034b50, 0);
  out.writeUInt16LE(NEEDS, 4);
  writeCommon(out, entry, 6);
  out.set(entry.name, LOCAL);
  return out;
}

/** Flags, method, time, CRC, sizes, length of the name: equal in both records. */
function writeCommon(out: Buffer, entry: EntryFacts, at: number): void {
  const { time, date } = dosTime(entry.time);
  out.writeUInt16LE(flagsOf(entry), at);
  out.writeUInt16LE(entry.method, at + 2);
  out.writeUInt16LE(time, at + 4);
  out.writeUInt16LE(date, at + 6);
  out.writeUInt32LE(entry.crc, at + 8);
  out.writeUInt32LE(entry.packed, at + 12);
  out.writeUInt32LE(entry.size, at + 16);
  out.writeUInt16LE(entry.name.length, at + 20);
}

export function dataDescriptor({ crc, packed, size }: EntryFacts): Buffer {
  const out = Buffer.alloc(16);
  out.writeUInt32LE(0x08074b50, 0);
  out.writeUInt32LE(crc, 4);
  out.writeUInt32LE(packed, 8);
  out.writeUInt32LE(size, 12);
  return out;
}

export function centralRecord(entry: EntryFacts): Buffer {
  const far = entry.position >= MOST_32;
  const out = Buffer.alloc(CENTRAL + entry.name.length + (far ? 12 : 0));
  out.writeUInt32LE(0x02014b50, 0);
  out.writeUInt16LE(UNIX | NEEDS_ZIP64, 4);
  out.writeUInt16LE(far ? NEEDS_ZIP64 : NEEDS, 6);
  writeCommon(out, entry, 8);
  out.writeUInt16LE(far ? 12 : 0, 30);
  out.writeUInt32LE(MODE, 38);
  out.writeUInt32LE(far ? MOST_32 : entry.position, 42);
  out.set(entry.name, CENTRAL);
  if (far) {
    const extra = CENTRAL + entry.name.length;
    out.writeUInt16LE(0x0001, extra);
    out.writeUInt16LE(8, extra + 2);
    out.writeBigUInt64LE(BigInt(entry.position), extra + 4);
  }
  return out;
}

/** @param position where the directory starts; @param length its octets. */
export function closing(entries: number, position: number, length: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(entries, MOST_16), 8);
  end.writeUInt16LE(Math.min(entries, MOST_16), 10);
  end.writeUInt32LE(Math.min(length, MOST_32), 12);
  end.writeUInt32LE(Math.min(position, MOST_32), 16);
  const plain = entries < MOST_16 && position < MOST_32 && length < MOST_32;
  return plain ? end : Buffer.concat([closing64(entries, position, length), end]);
}

function closing64(entries: number, position: number, length: number): Buffer {
  const out = Buffer.alloc(76);
  out.writeUInt32LE(0x06064b50, 0);
  out.writeBigUInt64LE(44n, 4);
  out.writeUInt16LE(UNIX | NEEDS_ZIP64, 12);
  out.writeUInt16LE(NEEDS_ZIP64, 14);
  out.writeBigUInt64LE(BigInt(entries), 24);
  out.writeBigUInt64LE(BigInt(entries), 32);
  out.writeBigUInt64LE(BigInt(length), 40);
  out.writeBigUInt64LE(BigInt(position), 48);
  out.writeUInt32LE(0x07064b50, 56);
  out.writeBigUInt64LE(BigInt(position + length), 64);
  out.writeUInt32LE(1, 72);
  return out;
}

/** Two seconds are one, and there is no time before 1980 or after 2107. */
function dosTime(ms: number): { time: number; date: number } {
  const at = new Date(Math.min(Date.UTC(2107, 11, 31), Math.max(Date.UTC(1980, 0, 1), ms)));
  const time = (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1);
  const date = ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate();
  return { time, date };
}
