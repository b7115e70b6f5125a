import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distrust } from './certificate.ts';

test('a certificate that is not trusted leads to our options', () => {
  const error = Object.assign(new Error('self-signed certificate; try --use-system-ca'), {
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  });
  assert.match(distrust(error) ?? '', /--ca.*--insecure/);
  assert.equal(distrust(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })), undefined);
  assert.equal(distrust(new Error('anything')), undefined);
  assert.equal(distrust('text'), undefined);
});
