/** Memory of large batches, which goes to the thread that asked, and back once nobody looks at it any more. */

export const BATCH_BYTES = 1024 * 1024;
/** Of contents: what is read last goes over a little. */
export const CONTENT_BATCH = BATCH_BYTES * 1.25;

/** Of batches that were used up on the thread that asked: new memory of this size costs as much as filling it, and collecting it as much again. */
const usedUp: ArrayBuffer[] = [];
const MOST_USED_UP = 2;

export function useAgain(memory: ArrayBuffer): void {
  if (usedUp.length < MOST_USED_UP) usedUp.push(memory);
}

/** Batches of contents have this, and may be used again; all others are smaller. */
export const isOfBatch = (memory: ArrayBufferLike): memory is ArrayBuffer =>
  memory instanceof ArrayBuffer && memory.byteLength === CONTENT_BATCH;

export function memoryFor(octets: number): Buffer {
  const memory = octets === CONTENT_BATCH ? usedUp.pop() : undefined;
  return memory === undefined ? Buffer.allocUnsafeSlow(octets) : Buffer.from(memory);
}
