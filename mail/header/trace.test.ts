import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitFields } from './fields.ts';
import { formatDeliveredTo, formatReceived, formatReturnPath } from './trace.ts';

const trace = {
  helo: 'mx.alpha.test',
  remote: { address: '2001:db8::1', name: 'mx.alpha.test' },
  by: 'mx.beta.test',
  with: 'ESMTPS',
  id: 'q1',
  at: { time: Date.parse('2026-11-23T11:15:01Z'), zone: 0 },
} as const;

test('formats Received as RFC 5321 §4.4 wants it', () => {
  assert.equal(
    formatReceived({ ...trace, tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384', for: { localPart: 'a b', domain: 'beta.test' } }),
    'Received: from mx.alpha.test (mx.alpha.test [IPv6:2001:db8::1])\r\n\tby mx.beta.test with ESMTPS id q1\r\n' +
      '\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n\tfor <"a b"@beta.test>;\r\n\tMon, 23 Nov 2026 11:15:01 +0000\r\n',
  );
});

test('a greeting cannot forge fields', () => {
  for (const helo of ['x\r\nX-Evil: 1', 'a)(b', '', 'x y']) {
    const text = formatReceived({ ...trace, helo });
    assert.match(text, /^Received: from unknown /);
    assert.equal(splitFields(text).length, 1);
  }
});

test('formats what final delivery adds', () => {
  assert.equal(formatReturnPath(null), 'Return-Path: <>\r\n');
  assert.equal(formatReturnPath({ localPart: 'a', domain: 'x.test' }), 'Return-Path: <a@x.test>\r\n');
  assert.equal(formatDeliveredTo({ localPart: 'a"b\r\n', domain: 'x.test' }), 'Delivered-To: "a\\"b"@x.test\r\n');
});
