import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Framer, type FramerEvent, type FramerLimits, SWALLOW_LIMIT } from './framer.ts';

const LIMITS: FramerLimits = { line: 40, literal: 10, command: 16 };

type Policy = (event: Extract<FramerEvent, { type: 'literal' }>, framer: Framer) => void;

const acceptFitting: Policy = (event, framer) => {
  if (event.fits) framer.accept();
  else framer.refuse();
};

const streamAll: Policy = (_event, framer) => framer.stream();

/** Events as text, runs of chunks joined: what must not depend on where the bytes are cut. */
function run(chunks: readonly Buffer[], decide: Policy): string[] {
  const framer = new Framer(LIMITS);
  const out: string[] = [];
  let streamed = '';
  for (const chunk of chunks) {
    framer.push(chunk);
    for (let event = framer.next(); event !== undefined; event = framer.next()) {
      if (event.type === 'chunk') {
        streamed += event.bytes.toString('latin1');
        continue;
      }
      if (event.type === 'literal-end') out.push(`streamed ${streamed}`);
      else out.push(describe(event));
      streamed = '';
      if (event.type === 'literal') decide(event, framer);
    }
  }
  return out;
}

function describe(event: Exclude<FramerEvent, { type: 'chunk' | 'literal-end' }>): string {
  if (event.type === 'endless') return 'endless';
  const parts = event.parts.map((part) => {
    if (part.kind === 'streamed') return `<${part.size}>`;
    return part.kind === 'text' ? part.bytes.toString('latin1') : `{${part.bytes.toString('latin1')}}`;
  });
  const text = parts.join('|');
  if (event.type === 'command') return `command ${text}${event.bareLf ? ' (bare LF)' : ''}`;
  if (event.type === 'overflow') return `overflow ${text}`;
  const { size, sync, binary, fits } = event;
  return `literal ${text} ${size} ${sync ? 'sync' : 'non-sync'}${binary ? ' binary' : ''}${fits ? '' : ' too large'}`;
}

const once = (text: string, decide: Policy = acceptFitting): string[] => run([Buffer.from(text, 'latin1')], decide);

test('a command is a line', () => {
  assert.deepEqual(once('a NOOP\r\nb LOGOUT\r\n'), ['command a NOOP', 'command b LOGOUT']);
});

test('a command with literals is one command', () => {
  assert.deepEqual(once('a LOGIN {3}\r\nbob {4+}\r\npass\r\n'), [
    'literal a LOGIN  3 sync',
    'literal a LOGIN |{bob}|  4 non-sync',
    'command a LOGIN |{bob}| |{pass}|',
  ]);
});

test('an empty literal and a literal8', () => {
  assert.deepEqual(once('a X {0+}\r\n ~{2+}\r\n\0\n\r\n'), [
    'literal a X  0 non-sync',
    'literal a X |{}|  2 non-sync binary',
    'command a X |{}| |{\0\n}|',
  ]);
});

test('a refused non-synchronizing literal is swallowed with the rest of its command', () => {
  assert.deepEqual(once('a X {11+}\r\n12345678\r\n1 more {3+}\r\nabc tail\r\nb NOOP\r\n'), [
    'literal a X  11 non-sync too large',
    'command b NOOP',
  ]);
});

test('behind a refused synchronizing literal the next command follows', () => {
  assert.deepEqual(once('a X {11}\r\nb NOOP\r\n'), ['literal a X  11 sync too large', 'command b NOOP']);
});

test('literals of one command have a limit together', () => {
  assert.deepEqual(once('a {9+}\r\n123456789 {8+}\r\n12345678\r\nb NOOP\r\n'), [
    'literal a  9 non-sync',
    'literal a |{123456789}|  8 non-sync too large',
    'command b NOOP',
  ]);
});

test('a streamed literal is handed over, and its command follows', () => {
  assert.deepEqual(once('a APPEND x {12}\r\nA: b\r\n\r\nhi\r\n\r\nb NOOP\r\n', streamAll), [
    'literal a APPEND x  12 sync too large',
    'streamed A: b\r\n\r\nhi\r\n',
    'command a APPEND x |<12>|',
    'command b NOOP',
  ]);
});

test('a line of exactly the limit passes, one octet more does not', () => {
  assert.deepEqual(once(`${'x'.repeat(40)}\r\n`), [`command ${'x'.repeat(40)}`]);
  assert.deepEqual(once(`${'x'.repeat(41)}\r\nb NOOP\r\n`), [`overflow ${'x'.repeat(40)}`, 'command b NOOP']);
});

test('text on both sides of a literal counts together', () => {
  assert.deepEqual(once(`${'x'.repeat(30)}{1+}\r\n1${'y'.repeat(11)}\r\nb NOOP\r\n`).slice(1), [
    `overflow ${'x'.repeat(30)}|{1}|${'y'.repeat(6)}`,
    'command b NOOP',
  ]);
});

test('a literal at the end of a line that is too long is swallowed too', () => {
  const command = `a ${'x'.repeat(60)} {9+}\r\nb NOOP\r\n {3}\r\nc NOOP\r\n`;
  assert.deepEqual(once(command), [`overflow a ${'x'.repeat(38)}`, 'command c NOOP']);
});

test('a line without an end is given up, however it is cut, and nothing follows', () => {
  const endless = 'x'.repeat(SWALLOW_LIMIT + 1);
  for (const size of [1_000, 65_536, 2_000_000]) {
    const framer = new Framer(LIMITS);
    const events: string[] = [];
    const text = `${endless}\r\nb NOOP\r\n`;
    for (let at = 0; at < text.length; at += size) {
      framer.push(Buffer.from(text.slice(at, at + size)));
      for (let event = framer.next(); event !== undefined; event = framer.next()) events.push(event.type);
    }
    assert.deepEqual(events, ['overflow', 'endless'], `in pieces of ${size}`);
  }
});

test('a line that ends with a bare LF is told, and announces nothing', () => {
  assert.deepEqual(once('a NOOP\nb X {3}\nc NOOP\r\n'), [
    'command a NOOP (bare LF)',
    'command b X {3} (bare LF)',
    'command c NOOP',
  ]);
});

test('a size beyond all numbers is too large, not small', () => {
  assert.match(once('a X {99999999999999999999}\r\n')[0]!, /9007199254740991 sync too large/);
});

test('abandon() gives up a literal on its way', () => {
  const framer = new Framer(LIMITS);
  framer.push(Buffer.from('a APPEND x {20+}\r\n0123'));
  assert.equal(framer.next()?.type, 'literal');
  framer.stream();
  assert.equal(framer.next()?.type, 'chunk');
  framer.abandon();
  framer.push(Buffer.from('4567890123456789 tail {2+}\r\nxx\r\nb NOOP\r\n'));
  const event = framer.next();
  assert.equal(event?.type === 'command' && describe(event), 'command b NOOP');
});

test('reset() forgets what was pipelined', () => {
  const framer = new Framer(LIMITS);
  framer.push(Buffer.from('a STARTTLS\r\nb LOGIN x y\r\n'));
  assert.equal(framer.next()?.type, 'command');
  assert.equal(framer.idle, false);
  framer.reset();
  assert.equal(framer.idle, true);
  assert.equal(framer.next(), undefined);
});

const piece = fc.constantFrom(
  'a ',
  'NOOP',
  '\r\n',
  '\r',
  '\n',
  '{3}',
  '{3+}',
  '~{12+}',
  '{0+}',
  'abc',
  'x'.repeat(20),
  '}',
);
const bytes = fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'));
const cuts = fc.array(fc.nat(300), { maxLength: 30 });

for (const [name, policy] of [
  ['accepted', acceptFitting],
  ['streamed', streamAll],
] as const) {
  test(`events do not depend on how the bytes are cut, literals ${name}`, () => {
    fc.assert(
      fc.property(bytes, cuts, (input, at) => {
        const points = [0, ...at.filter((cut) => cut < input.length).sort((a, b) => a - b), input.length];
        const chunks = points.slice(1).map((end, i) => input.subarray(points[i], end));
        assert.deepEqual(run(chunks, policy), run([input], policy));
      }),
    );
  });
}
