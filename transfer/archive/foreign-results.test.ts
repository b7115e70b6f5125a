import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { withoutVerdicts } from './foreign-results.ts';

async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const PREFIX = 'Return-Path: <a@b.test>\r\n';
const FORGED = 'authentication-results :\r\n mx.alpha.test; dkim=pass\r\n';

for (const [what, text, prefix, kept] of [
  ['a delivered message', `${PREFIX}Subject: x\r\n\r\nbody`, PREFIX.length, true],
  ['results in the body alone', `${PREFIX}Subject: x\r\n\r\n${FORGED}`, PREFIX.length, true],
  ['results in the header', `${PREFIX}Subject: x\r\n${FORGED}\r\nbody`, PREFIX.length, false],
  ['results behind a bare line end', `${PREFIX}Subject: x\n${FORGED}\nbody`, PREFIX.length, false],
  ['results in a made-up prefix', `${FORGED}Subject: x\r\n\r\nbody`, FORGED.length, false],
  ['a prefix with an empty line', `A: b\r\n\r\n${FORGED}Subject: x\r\n\r\n`, 8, false],
  ['a header without end', `${PREFIX}${FORGED}Subject: x`, PREFIX.length, false],
  ['a header beyond what is looked at', `${PREFIX}${'A: b\r\n'.repeat(200_000)}${FORGED}\r\n`, PREFIX.length, false],
  ['no header', `${PREFIX}\r\n${FORGED}`, PREFIX.length, true],
  ['a message that was not delivered', FORGED, 0, true],
] as const) {
  test(`${what}: the same octets, ${kept ? 'as they were' : 'as if never delivered here'}`, async () => {
    for (const size of [1, 7, 70_000]) {
      if (text.length / size > 100_000) continue;
      const { content, prefixLength } = await withoutVerdicts({ content: pieces(text, size), prefixLength: prefix });
      assert.equal(prefixLength, kept ? prefix : 0);
      assert.equal((await buffer(content)).toString('latin1'), text);
    }
  });
}
