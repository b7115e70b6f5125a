import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLine } from './log-text.ts';
import { createLogger, type LoggerOptions } from './logger.ts';

function capture(options: Partial<LoggerOptions> = {}): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  return { lines, log: createLogger({ level: 'info', format: 'json', fields: { program: 'mta' }, write, ...options }) };
}

test('each event is one line of JSON with time, level, program, fields and message', () => {
  const { lines, log } = capture();
  log.child({ session: 'k2' }).info({ peer: '192.0.2.1', text: 'two\nlines' }, 'accepted');
  assert.equal(lines.length, 1);
  const { time, ...event } = JSON.parse(lines[0] ?? '');
  assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(event, {
    level: 'info',
    program: 'mta',
    session: 'k2',
    peer: '192.0.2.1',
    text: 'two\nlines',
    msg: 'accepted',
  });
});

test('the level holds for children too, and can change while running', () => {
  const { lines, log } = capture({ level: 'warn' });
  const child = log.child({ session: 'a' });
  child.info({}, 'no');
  child.warn({}, 'yes');
  log.setLevel('debug');
  child.debug({}, 'now');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).msg),
    ['yes', 'now'],
  );
});

test('errors are written with type, message, stack and cause', () => {
  const { lines, log } = capture();
  log.error({ error: new Error('outer', { cause: new Error('inner') }) }, 'failed');
  const { error } = JSON.parse(lines[0] ?? '');
  assert.equal(error.type, 'Error');
  assert.match(error.message, /outer/);
  assert.match(error.stack, /inner/);
});

test('octets that an error carries are not written', () => {
  const { lines, log } = capture();
  const choked = Object.assign(new Error('Parse Error'), { code: 'HPE', rawPacket: Buffer.from('password') });
  log.warn({ error: choked }, 'socket');
  log.error({ err: Object.assign(new Error('outer'), { inner: choked }) }, 'failed');
  assert.equal(lines.length, 2);
  for (const line of lines) assert.ok(!line.includes(String([...Buffer.from('pass')])), line);
  const { error } = JSON.parse(lines[0] ?? '');
  assert.deepEqual([error.message, error.code, error.rawPacket], ['Parse Error', 'HPE', '8 octets']);
});

test('in a terminal a line is text; control characters of a peer stay escaped', () => {
  const { lines, log } = capture({ format: 'pretty' });
  log.warn({ peer: 'evil\u001b[2J\u009b\nforged line', count: 3 }, 'odd greeting');
  assert.equal(lines.length, 1);
  assert.match(
    lines[0] ?? '',
    /^[\d:.]{12} WARN {2}mta: odd greeting peer="evil\\u001b\[2J\\u009b\\nforged line" count=3\n$/,
  );
  const line = JSON.stringify({
    time: '2030-01-01T00:00:00.000Z',
    level: 'error',
    msg: 'x',
    error: { stack: 'E: y\n at z' },
  });
  assert.equal(formatLine(line, false), '00:00:00.000 ERROR x\n    E: y\n     at z\n');
  assert.match(formatLine(line, true), /\u001b\[31mERROR/);
});
