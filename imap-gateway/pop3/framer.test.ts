import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FramerEvent, LINE_LIMIT, LineFramer, SWALLOW_LIMIT } from './framer.ts';

type Seen = readonly [type: string, text?: string, bareLf?: boolean];

function drain(framer: LineFramer): Seen[] {
  const seen: Seen[] = [];
  for (let event: FramerEvent | undefined = framer.next(); event !== undefined; event = framer.next()) {
    seen.push(event.type === 'line' ? [event.type, event.bytes.toString('latin1'), event.bareLf] : [event.type]);
  }
  return seen;
}

function events(octets: Buffer, cuts: readonly number[] = []): Seen[] {
  const framer = new LineFramer();
  const seen: Seen[] = [];
  let from = 0;
  for (const cut of [...cuts.map((at) => at % (octets.length + 1)), octets.length].sort((a, b) => a - b)) {
    framer.push(octets.subarray(from, cut));
    from = cut;
    seen.push(...drain(framer));
  }
  return seen;
}

test('lines, whole and without their ends', () => {
  assert.deepEqual(events(Buffer.from('STAT\r\n\r\nLIST 1\nQUI')), [
    ['line', 'STAT', false],
    ['line', '', false],
    ['line', 'LIST 1', true],
  ]);
});

test('events don’t depend on how octets were cut', () => {
  const line = fc.oneof(
    fc.string({ unit: fc.constantFrom('A', ' ', '1', '\r', '\n', 'é'), maxLength: 20 }),
    fc.constantFrom('x'.repeat(LINE_LIMIT), 'y'.repeat(LINE_LIMIT + 1), `${'z'.repeat(LINE_LIMIT - 1)}\r`),
  );
  const input = fc.array(line, { maxLength: 6 }).map((lines) => Buffer.from(lines.join('\r\n'), 'latin1'));
  fc.assert(
    fc.property(input, fc.array(fc.nat(), { maxLength: 12 }), (octets, cuts) => {
      assert.deepEqual(events(octets, cuts), events(octets));
    }),
  );
});

test('a line over the limit is one event, and what follows is read', () => {
  const long = 'x'.repeat(LINE_LIMIT + 1);
  assert.deepEqual(events(Buffer.from(`${long}\r\nNOOP\r\n`)), [['overflow'], ['line', 'NOOP', false]]);
  assert.equal(events(Buffer.from(`${'x'.repeat(LINE_LIMIT)}\r\n`))[0]?.[0], 'line');
});

test('a line without an end is given up, and held by nobody', () => {
  const framer = new LineFramer();
  const chunk = Buffer.alloc(65_536, 'x');
  const seen: Seen[] = [];
  for (let sent = 0; sent <= SWALLOW_LIMIT + chunk.length; sent += chunk.length) {
    framer.push(chunk);
    seen.push(...drain(framer));
  }
  framer.push(Buffer.from('\r\nQUIT\r\n'));
  assert.deepEqual([...seen, ...drain(framer)], [['endless']]);
});

test('reset forgets what was read', () => {
  const framer = new LineFramer();
  framer.push(Buffer.from('NOOP\r\nDELE'));
  framer.reset();
  framer.push(Buffer.from(' 1\r\n'));
  assert.deepEqual(drain(framer), [['line', ' 1', false]]);
});
