import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection, TAKEN } from '#runtime/connection.ts';
import { ConnectionOutput } from './output.ts';

function output(write: Connection['write']): ConnectionOutput {
  return new ConnectionOutput({ write } as Connection, () => undefined);
}

test('what the connection has taken at once is not waited for', () => {
  const out = output(() => TAKEN);
  out.write('+OK\r\n');
  out.flush();
  assert.equal(out.full, false);
});

test('what it has not taken yet is', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const out = output(() => promise);
  out.write('+OK\r\n');
  out.flush();
  assert.equal(out.full, true);
  resolve();
  await out.ready();
  assert.equal(out.full, false);
});

/** What leaves, by piece; the system takes it at once unless it is told not to. */
function recorder(): { readonly out: ConnectionOutput; readonly sent: Buffer[]; readonly wire: { queued: number } } {
  const sent: Buffer[] = [];
  const wire = {
    queued: 0,
    write(bytes: Uint8Array): Promise<void> {
      sent.push(wire.queued === 0 ? Buffer.from(bytes) : (bytes as Buffer));
      return TAKEN;
    },
  };
  return { out: new ConnectionOutput(wire as unknown as Connection, () => undefined), sent, wire };
}

test('pieces of every size leave in their order, in few writes', () => {
  const { out, sent } = recorder();
  const all: Buffer[] = [];
  for (const size of [1, 10, 65_535, 2, 65_536, 3, 200_000, 7, 30_000, 30_000, 30_000]) {
    const text = `* ${size} grün\r\n`;
    const bytes = Buffer.alloc(size, String(size));
    out.write(text);
    out.write(bytes);
    all.push(Buffer.from(text), bytes);
  }
  out.write('ü'.repeat(50_000));
  all.push(Buffer.from('ü'.repeat(50_000)));
  out.flush();
  assert.ok(Buffer.concat(sent).equals(Buffer.concat(all)));
  assert.ok(sent.length <= 12, `${sent.length} writes`);
});

test('memory that waits for a client is not written again', () => {
  const { out, sent, wire } = recorder();
  wire.queued = 10;
  for (const text of ['one', 'two', 'three']) {
    out.write(text);
    out.flush();
  }
  const other = recorder();
  other.out.write('x'.repeat(1_000));
  other.out.flush();
  assert.deepEqual(sent.map(String), ['one', 'two', 'three']);
});
