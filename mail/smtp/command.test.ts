import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BodyType, ForwardPath } from '../envelope.ts';
import { formatBdat, parseAuth, parseBdat, parseHello, splitCommand } from './command.ts';
import { formatMail, MAIL_PARAMETERS, type MailArguments, parseMail } from './mail-command.ts';
import { formatRcpt, parseRcpt } from './rcpt-command.ts';
import { formatReply } from './reply.ts';
import { CommandSyntaxError } from './syntax-error.ts';

const strict = { parameters: MAIL_PARAMETERS, lenient: false };
const rcpt = { dsn: true, utf8: false, lenient: false };
const mail = (text: string) => parseMail(text, strict);

function refused(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof CommandSyntaxError);
    return formatReply(error.reply).slice(0, 9);
  }
  return assert.fail('was accepted');
}

test('splitCommand() reads verb and argument', () => {
  assert.deepEqual(splitCommand(Buffer.from('mail FROM:<a@b.test> ')), { verb: 'MAIL', argument: 'FROM:<a@b.test>' });
  assert.deepEqual(splitCommand(Buffer.from('QUIT')), { verb: 'QUIT', argument: '' });
  assert.deepEqual(splitCommand(Buffer.from('')), { verb: '', argument: '' });
  assert.equal(
    refused(() => splitCommand(Buffer.from([0xff, 0xfe]))),
    '500 5.5.2',
  );
  assert.equal(
    refused(() => splitCommand(Buffer.from('NOOP \x1b[0m'))),
    '500 5.5.2',
  );
});

test('parseMail() reads every parameter', () => {
  assert.deepEqual(mail('FROM:<> SIZE=10 BODY=8bitmime RET=hdrs ENVID=a+2Bb AUTH=<> XDELIVERYID=q1 XREDIRECT'), {
    reversePath: null,
    size: 10,
    body: '8bitmime',
    smtputf8: false,
    ret: 'hdrs',
    envelopeId: 'a+b',
    auth: '<>',
    deliveryId: 'q1',
    redirect: true,
  });
});

test('a SIZE beyond what can be counted is read as what can', () => {
  const { size } = mail('FROM:<> SIZE=99999999999999999999');
  assert.equal(size, Number.MAX_SAFE_INTEGER);
});

test('parseMail() refuses what RFC 5321 and the extensions forbid', () => {
  for (const text of [
    '<a@b.test>',
    'FROM:a@b.test',
    'FROM: <a@b.test>',
    'FROM:<a@b.test>SIZE=1',
    'FROM:<a@b.test> SIZE=',
    'FROM:<a@b.test> SIZE=-1',
    'FROM:<a@b.test> SIZE=1 SIZE=1',
    'FROM:<a@b.test> BODY=9BIT',
    'FROM:<a@b.test> RET=BOTH',
    'FROM:<a@b.test> ENVID=a+0D+0Ab',
    'FROM:<a@b.test> SMTPUTF8=1',
    'FROM:<a@b.test> XREDIRECT=1',
  ]) {
    assert.match(
      refused(() => mail(text)),
      /^501 5\.[15]\.[47]$/,
      text,
    );
  }
  assert.equal(
    refused(() => mail('FROM:<a@b.test> XFOO=1')),
    '555 5.5.4',
  );
  assert.equal(
    refused(() => mail('FROM:<ä@b.test>')),
    '553 5.6.7',
  );
  assert.equal(
    refused(() => mail('FROM:<a@>')),
    '501 5.1.7',
  );
});

test('a mail client may put a space behind the colon on submission', () => {
  assert.equal(parseMail('FROM: <a@b.test>', { ...strict, lenient: true }).reversePath?.localPart, 'a');
});

test('RFC 6531 §3.4: SMTPUTF8 allows UTF-8 in the path; the domain becomes A-labels', () => {
  assert.deepEqual(mail('FROM:<jörg@bücher.test> SMTPUTF8').reversePath, {
    localPart: 'jörg',
    domain: 'xn--bcher-kva.test',
  });
});

test('parseRcpt() reads NOTIFY and ORCPT', () => {
  const path = parseRcpt('TO:<b@c.test> NOTIFY=success,DELAY ORCPT=rfc822;Bob+40d.test', rcpt);
  assert.deepEqual(path, {
    address: { localPart: 'b', domain: 'c.test' },
    notify: { success: true, failure: false, delay: true },
    originalRecipient: { type: 'rfc822', address: 'Bob@d.test' },
  });
  for (const text of ['NOTIFY=NEVER,DELAY', 'NOTIFY=', 'ORCPT=rfc822', 'ORCPT=rfc822;a+0Ab', 'ORCPT=;a', 'NOTIFY']) {
    assert.equal(
      refused(() => parseRcpt(`TO:<b@c.test> ${text}`, rcpt)),
      '501 5.5.4',
      text,
    );
  }
  assert.equal(
    refused(() => parseRcpt('TO:<b@c.test> NOTIFY=NEVER', { ...rcpt, dsn: false })),
    '555 5.5.4',
  );
  assert.equal(
    refused(() => parseRcpt('TO:<>', rcpt)),
    '501 5.1.3',
  );
});

test('RFC 5321 Appendix C: source routes are read and ignored; §4.5.1: postmaster needs no domain', () => {
  assert.deepEqual(parseRcpt('TO:<@a.test,@b.test:c@d.test>', rcpt).address, { localPart: 'c', domain: 'd.test' });
  assert.deepEqual(parseRcpt('TO:<Postmaster>', rcpt).address, { localPart: 'Postmaster', domain: '' });
  assert.equal(
    refused(() => parseRcpt('TO:<@a.test,:c@d.test>', rcpt)),
    '501 5.1.3',
  );
  assert.equal(
    refused(() => parseRcpt('TO:<bob>', rcpt)),
    '501 5.1.3',
  );
});

test('BDAT, AUTH and EHLO', () => {
  assert.deepEqual(parseBdat('0 last'), { octets: 0, last: true });
  assert.equal(formatBdat({ octets: 5, last: false }), 'BDAT 5\r\n');
  for (const text of ['', '-1', '1 2', '1 LASTLY', '9999999999999999'])
    assert.equal(
      refused(() => parseBdat(text)),
      '501 5.5.4',
    );
  assert.deepEqual(parseAuth('plain ='), { mechanism: 'PLAIN', initial: '' });
  assert.deepEqual(parseAuth('LOGIN'), { mechanism: 'LOGIN' });
  assert.equal(
    refused(() => parseAuth('')),
    '501 5.5.4',
  );
  assert.equal(parseHello('EHLO', '[IPv6:::1]').name, '[IPv6:::1]');
  assert.equal(
    refused(() => parseHello('EHLO', 'two words')),
    '501 5.5.4',
  );
});

const word = fc
  .string({ unit: fc.constantFrom(...Array.from('abcXYZ09+.-_ "\\@<>é漢=;:,(')), minLength: 1, maxLength: 20 })
  .map((text) => text.normalize('NFC'));
const address = fc.record({
  localPart: word,
  domain: fc.constantFrom('a.test', 'b-c.test', '[192.0.2.1]', '[IPv6:2001:db8::1]'),
});
const printable = fc.string({ unit: fc.constantFrom(...Array.from('abc +=<>@;\\~')), minLength: 1, maxLength: 20 });
/** Only what a command can say: absent fields stay absent. */
const mails: fc.Arbitrary<MailArguments> = fc
  .record(
    {
      reversePath: fc.option(address),
      size: fc.nat(),
      body: fc.constantFrom<BodyType>('7bit', '8bitmime', 'binarymime'),
      ret: fc.constantFrom<'full' | 'hdrs'>('full', 'hdrs'),
      envelopeId: printable,
      auth: printable,
      deliveryId: fc.string({ unit: fc.constantFrom(...Array.from('abc+=<>')), minLength: 1, maxLength: 20 }),
    },
    { requiredKeys: ['reversePath'] },
  )
  .map((made) => structuredClone({ ...made, smtputf8: true }));
const paths: fc.Arbitrary<ForwardPath> = fc
  .record(
    {
      address,
      notify: fc.constantFrom<NonNullable<ForwardPath['notify']>>('never', {
        success: true,
        failure: false,
        delay: true,
      }),
      originalRecipient: fc.oneof(
        fc.record({ type: fc.constant('rfc822'), address: printable }),
        fc.record({ type: fc.constant('utf-8'), address: word }),
      ),
    },
    { requiredKeys: ['address'] },
  )
  .map((made) => structuredClone(made));

test('parse(format(x)) is x for MAIL and RCPT', () => {
  fc.assert(
    fc.property(mails, paths, fc.boolean(), (made, path, smtputf8) => {
      const argument = (line: string) => splitCommand(Buffer.from(line.slice(0, -2))).argument;
      assert.deepEqual(mail(argument(formatMail(made))), made);
      assert.deepEqual(parseRcpt(argument(formatRcpt(path, smtputf8)), { ...rcpt, utf8: true }), path);
    }),
    { numRuns: 1000 },
  );
});

test('no line makes a parser throw anything but CommandSyntaxError', () => {
  const parts = fc.constantFrom(
    'FROM:',
    'TO:',
    '<',
    '>',
    '@',
    'a',
    '"',
    '\\',
    '.test',
    ' ',
    'SIZE=',
    '1',
    'ORCPT=rfc822;',
    'utf-8;\\x{41}',
    '+2B',
    '[',
    ']',
    ':',
    'é',
    ' SMTPUTF8',
  );
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 15 }), (words) => {
      for (const parse of [(t: string) => mail(t), (t: string) => parseRcpt(t, { ...rcpt, utf8: true })]) {
        try {
          parse(words.join(''));
        } catch (error) {
          assert.ok(error instanceof CommandSyntaxError, String(error));
        }
      }
    }),
    { numRuns: 3000 },
  );
});
