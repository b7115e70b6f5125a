/** Frames between our processes: u32 length of the rest, u8 kind, u32 call id (little endian), then a `v8.serialize`d value. */
import type { Socket } from 'node:net';
import { DefaultSerializer, deserialize } from 'node:v8';

export const KIND = {
  call: 1,
  answer: 2,
  error: 3,
  open: 4,
  item: 5,
  end: 6,
  cancel: 7,
  credit: 8,
  goodbye: 9,
} as const;
export type FrameKind = (typeof KIND)[keyof typeof KIND];

export interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly value: unknown;
}

const HEADER = 9;
/** A longer frame is a fault of the other side: the connection ends. */
export const MAX_FRAME = 128 * 1024 * 1024;

const placeholder = Buffer.alloc(HEADER);

/** One buffer, made without a second copy of what is in `value`. Only the octets that a view shows are written, not its whole buffer. */
export function encodeFrame(kind: FrameKind, id: number, value?: unknown): Buffer {
  const serializer = new DefaultSerializer();
  serializer.writeRawBytes(placeholder);
  serializer.writeHeader();
  serializer.writeValue(value);
  const frame = serializer.releaseBuffer();
  frame.writeUInt32LE(frame.length - 4, 0);
  frame[4] = kind;
  frame.writeUInt32LE(id, 5);
  return frame;
}

/** Frames that are written in one turn leave in one system call: the answers of a group, above all. */
export function writeFrame(socket: Socket, frame: Buffer): void {
  if (socket.writableCorked === 0) {
    socket.cork();
    process.nextTick(() => socket.uncork());
  }
  socket.write(frame);
}

/** Cuts a byte stream into frames. Views in the values share memory with the chunks that they came in. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #have = 0;
  #need = 4;

  /** Throws on a frame that is too long or can't be read; the stream is lost then. */
  *push(chunk: Uint8Array): Generator<Frame> {
    this.#chunks.push(chunk);
    this.#have += chunk.length;
    while (this.#have >= this.#need) {
      const bytes = this.#join();
      const length = bytes.readUInt32LE(0);
      if (length < HEADER - 4 || length > MAX_FRAME) throw new Error(`frame of ${length} octets`);
      this.#need = 4 + length;
      if (this.#have < this.#need) return;
      const frame = bytes.subarray(0, this.#need);
      const rest = bytes.subarray(this.#need);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#have = rest.length;
      this.#need = 4;
      yield { kind: frame[4]!, id: frame.readUInt32LE(5), value: deserialize(frame.subarray(HEADER)) };
    }
  }

  #join(): Buffer {
    const [first] = this.#chunks;
    const whole =
      this.#chunks.length === 1
        ? Buffer.from(first!.buffer, first!.byteOffset, first!.byteLength)
        : Buffer.concat(this.#chunks);
    this.#chunks = [whole];
    return whole;
  }
}
