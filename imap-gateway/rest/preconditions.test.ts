import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotModified } from './answer.ts';
import { checkPreconditions } from './preconditions.ts';
import { HttpProblem } from './problems.ts';

const tag = 'W/"7"';

test('what the client has already is not sent again', () => {
  for (const header of ['W/"7"', '"7"', '"6", W/"7"', '*']) {
    assert.throws(() => checkPreconditions(tag, 'GET', { 'if-none-match': header }), NotModified, header);
  }
  for (const header of ['"6"', '7', 'W/"77"', '']) checkPreconditions(tag, 'GET', { 'if-none-match': header });
});

test('a change of what has changed since is refused', () => {
  checkPreconditions(tag, 'PATCH', { 'if-match': 'W/"7"' });
  checkPreconditions(tag, 'PATCH', { 'if-match': '*' });
  checkPreconditions(tag, 'PATCH', {});
  assert.throws(() => checkPreconditions(tag, 'PATCH', { 'if-match': '"6"' }), HttpProblem);
  assert.throws(() => checkPreconditions(tag, 'PUT', { 'if-none-match': '*' }), HttpProblem);
});
