import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problem, placed, sentence, words } from './problem.js';

test('what is wrong with a field stands at that field, the rest at the form', () => {
  const errors = [
    { path: '/body/targets/0', message: 'must be an address' },
    { path: '/body/targets/1', message: 'must be another' },
    { path: '/body/other', message: 'is not known' },
  ];
  const problem = new Problem({ status: 400, code: 'bad-request', detail: 'no', errors });
  assert.deepEqual(placed(problem, ['targets']), { fields: { targets: 'Must be an address.' }, rest: 'Is not known.' });
  const whole = new Problem({ status: 409, code: 'exists', detail: 'the address is taken' });
  assert.deepEqual(placed(whole, ['targets']), { fields: {}, rest: 'The address is taken.' });
});

test('trouble is told in words', () => {
  assert.match(words(new Problem({ status: 0, code: 'unreachable', detail: '' })), /can’t be reached/);
  assert.match(words(new TypeError('x is undefined')), /Reload/);
});

test('sentences begin large and end, but names stay as they are', () => {
  assert.deepEqual(['no room', 'mx.a.test needs it', 'Why?', ''].map(sentence), [
    'No room.',
    'mx.a.test needs it.',
    'Why?',
    '',
  ]);
});
