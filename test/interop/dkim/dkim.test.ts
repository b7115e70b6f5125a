/** Our signatures as verifiers see them that we did not write: over all messages of the corpus, and over what is awkward to canonicalise. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { MessageDigester } from '#mail/dkim/digest.ts';
import { keyName, keyRecord, makeKey, readSigningKey } from '#mail/dkim/key.ts';
import { type Signer, signatureFields } from '#mail/dkim/signature.ts';
import { needs, runProgram, skipFor } from '../programs.ts';

/** Debian's own, which sees Debian's modules, wherever another one comes first in PATH. */
const PYTHON = '/usr/bin/python3';
const domain = 'us.test';

function needsModule(program: string, args: readonly string[], packages: readonly string[]): string | false {
  const found = spawnSync(program, [...args]).status === 0;
  return found
    ? false
    : skipFor(`not installed: ${packages.join(', ')} (apt-get install ${packages.join(' ')})`, packages);
}
const python = needs(PYTHON) || needsModule(PYTHON, ['-c', 'import dkim, nacl'], ['python3-dkim', 'python3-nacl']);
const perl = needs('perl') || needsModule('perl', ['-MMail::DKIM', '-e', '1'], ['libmail-dkim-perl']);

const FROM = 'From: a@us.test\r\nTo: b@far.test\r\nSubject: x\r\n';
const AWKWARD: readonly string[] = [
  `${FROM}\r\n`,
  `${FROM}\r\n\r\n\r\n \t\r\n`,
  `${FROM}\r\nno line end at the end`,
  `${FROM}\r\n \tblanks  before,\t between and after \t \r\n\r\n\r\n`,
  `${FROM}\r\n${'\r\n'.repeat(5000)}late\r\n`,
  `${FROM}\r\n${`${'x'.repeat(990)}\r\n`.repeat(3000)}`,
  `Received: by x\r\n${FROM.replace('Subject: x', 'SUBJECT:\r\n\tfolded \r\n  twice\t')}cc: c\r\nCC: d\r\n\r\nx\r\n`,
  `${FROM}List-Unsubscribe: <https://us.test/>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nx\r\n`,
  `${FROM}X-Odd: \xe9\xff; b=; DKIM-Signature:\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=latin1\r\n\r\nh\xe9\r\n.\r\n..\r\n`,
  `${FROM}${'To: more@far.test\r\n'.repeat(40)}\r\nx\r\n`,
];

/** Those with a header that a message of ours can have: a From, and CRLF throughout. */
function corpus(): string[] {
  const folder = new URL('../../fixture/corpus/', import.meta.url).pathname;
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(eml|msg|txt)$/.test(name),
  );
  return names
    .map((name) => readFileSync(join(folder, name), 'latin1').replace(/\r?\n/g, '\r\n'))
    .map((text) => text.replace(/^From [^\r]*\r\n/, ''))
    .filter(
      (text) =>
        /^([!-9;-~]+[ \t]*:[^\r]*\r\n([ \t]+[^\r]*\r\n)*)+\r\n/.test(text) &&
        /^From:/im.test(text.split('\r\n\r\n')[0] ?? ''),
    )
    .filter((text) => !/^dkim-signature/im.test(text));
}

describe('signatures for verifiers of others', { skip: python && perl }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'pp-dkim-'));
  const messages = [...AWKWARD, ...corpus()];
  const name = (i: number): string => `${String(i).padStart(4, '0')}.eml`;
  before(async () => {
    const signers: Signer[] = [];
    for (const algorithm of ['rsa-sha256', 'ed25519-sha256'] as const) {
      signers.push({ domain, selector: algorithm.slice(0, 2), ...readSigningKey(await makeKey(algorithm)) });
    }
    for (const [i, message] of messages.entries()) {
      const digester = new MessageDigester();
      digester.push(Buffer.from(message, 'latin1'));
      const fields = await signatureFields(digester.finish(), signers, Date.now());
      writeFileSync(join(folder, name(i)), Buffer.from(fields + message, 'latin1'));
    }
    // And one that must fail, or nothing is said.
    const [first = ''] = messages;
    const bad = readFileSync(join(folder, name(0)), 'latin1').replace(first, first.replace('Subject: x', 'Subject: y'));
    writeFileSync(join(folder, 'bad.eml'), bad, 'latin1');
    const records = signers.map((signer) => [keyName(domain, signer.selector), keyRecord(signer)]);
    writeFileSync(join(folder, 'records.json'), JSON.stringify(Object.fromEntries(records)));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function verdicts(program: string, script: string): Promise<Record<string, string[]>> {
    const path = new URL(script, import.meta.url).pathname;
    const { code, stdout, stderr } = await runProgram(program, [path, folder]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  }

  for (const [what, program, script, skip, count] of [
    ['dkimpy, RSA and Ed25519', PYTHON, 'verify.py', python, 2],
    ['Mail::DKIM, RSA', 'perl', 'verify.pl', perl, 1],
  ] as const) {
    test(what, { skip }, async (t) => {
      const { 'bad.eml': bad = [], ...others } = await verdicts(program, script);
      assert.ok(bad.length === count && bad.every((verdict) => verdict !== 'pass'), bad.join());
      assert.equal(Object.keys(others).length, messages.length);
      const wrong = Object.entries(others).filter(
        ([, found]) => found.length !== count || found.some((v) => v !== 'pass'),
      );
      assert.deepEqual(wrong, []);
      t.diagnostic(`${messages.length} messages, ${messages.length * count} signatures pass`);
    });
  }
});
