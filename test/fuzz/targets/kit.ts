/** What targets share: typed errors and nothing else, and sessions over connections in memory. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Connection } from '#runtime/connection.ts';
import { ConnectionClosed } from '#runtime/connection.ts';
import type { FakeClock } from '#test/support/clock.ts';

/** Runs of a property at each of its turns. */
const RUNS = 40;

/** A property of fast-check as a target has it. */
export const holds =
  <T>(property: fc.IProperty<T>) =>
  (seed: number): void =>
    fc.assert(property, { seed, numRuns: RUNS });

type ErrorClass = abstract new (...args: never[]) => Error;

/** What `parse` answers, or `undefined` when it refused in one of the ways that it may. */
export function refusing<T>(parse: () => T, ...typed: readonly ErrorClass[]): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (typed.some((each) => error instanceof each)) return undefined;
    throw error;
  }
}

/** What a formatter writes, its parser reads back. */
export function roundTrip<T>(value: T, again: () => T): void {
  assert.deepEqual(again(), value, 'what was formatted is read back differently');
}

/** Everything that comes from the other end, until it closes. */
export async function listen(connection: Connection): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = await connection.read().catch((error: unknown) => {
      if (error instanceof ConnectionClosed) return null;
      throw error;
    });
    if (chunk === null) return Buffer.concat(chunks);
    chunks.push(chunk);
  }
}

/** Real milliseconds until a session counts as stuck. */
const PATIENCE = 15_000;

/** Sends the pieces, lets time pass, hangs up, and waits for the session's end however many waits of its own it has. */
export async function converse(
  connection: Connection & { end(): Promise<void> },
  pieces: readonly Buffer[],
  session: Promise<void>,
  clock: FakeClock,
): Promise<void> {
  let over = false;
  const done = session.then(() => {
    over = true;
  });
  for (const piece of pieces) {
    if (over) break;
    // What is not read holds nobody up, as in a socket.
    connection.write(piece).catch((error: unknown) => assert.ok(error instanceof ConnectionClosed));
    await clock.advance(50);
  }
  await connection.end();
  const patience = performance.now() + PATIENCE;
  for (let waits = 0; !over; waits += 1) {
    assert.ok(performance.now() < patience, 'the session does not end');
    await clock.advance(2_000);
    // Key derivation runs on threads of its own, which no clock of ours moves.
    if (!over && waits > 20) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await done;
}

const LARGE = 300_000;

/** The input over and over: what is not linear shows in the time that it takes. */
export function enlarged(input: Buffer): Buffer {
  const times = Math.ceil(LARGE / Math.max(1, input.length));
  return Buffer.from(input.toString('latin1').repeat(times).slice(0, LARGE), 'latin1');
}

/** Few pieces: a session costs a turn of the event loop for each. */
export function fewPieces(pieces: readonly Buffer[], most = 12): Buffer[] {
  const size = Math.ceil(pieces.length / most);
  const joined: Buffer[] = [];
  for (let at = 0; at < pieces.length; at += size) joined.push(Buffer.concat(pieces.slice(at, at + size)));
  return joined;
}
