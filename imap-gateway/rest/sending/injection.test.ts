/** Line ends in every field of a letter, and in what it takes from the message that it answers or forwards: none may begin a field or a body of its own. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RestWorld, restWorld } from '#test/support/rest.ts';

let world: RestWorld;
before(async () => {
  world = await restWorld();
});
after(() => world.close());

/** What ends a line for somebody: CR, LF, both, NUL before them, other separators, also encoded. */
const ENDS = ['\r\n', '\n', '\r', '\0\r\n', '\x0b', '\x0c', '\x85', '\u2028', '\u2029', '\r\n ', '=?utf-8?Q?=0D=0A?='];
const evil = (end: string): string => `a${end}X-Evil: 1${end}${end}<script>`;

/** Each puts a hostile text into one field. */
const FIELDS: Readonly<Record<string, (text: string) => object>> = {
  subject: (subject) => ({ subject }),
  'from name': (name) => ({ from: { name, email: 'alice@alpha.test' } }),
  'from text': (name) => ({ from: `${name} <alice@alpha.test>` }),
  'from address': (text) => ({ from: `alice${text}@alpha.test` }),
  'to name': (name) => ({ to: [{ name, email: 'bob@alpha.test' }] }),
  'to text': (name) => ({ to: [`"${name}" <bob@alpha.test>`] }),
  'to address': (text) => ({ to: [{ email: `bob@alpha.test${text}` }] }),
  'to quoted address': (text) => ({ to: [{ email: `"bob${text}"@alpha.test` }] }),
  cc: (name) => ({ cc: [{ name, email: 'bob@alpha.test' }] }),
  bcc: (name) => ({ bcc: [{ name, email: 'bob@alpha.test' }] }),
  replyTo: (name) => ({ replyTo: [{ name, email: 'bob@alpha.test' }] }),
  'header value': (text) => ({ headers: { 'X-Mine': text } }),
  'header name': (text) => ({ headers: { [`X-Mine${text}`]: 'x' } }),
  'attachment name': (name) => ({ attachments: [{ name, content: 'eA==', type: 'text/plain' }] }),
  'attachment type': (type) => ({ attachments: [{ name: 'a', content: 'eA==', type: `text/plain${type}` }] }),
  'attachment parameter': (type) => ({ attachments: [{ content: 'eA==', type: `text/plain; name="${type}"` }] }),
  'content id': (contentId) => ({ attachments: [{ name: 'a', content: 'eA==', type: 'text/plain', contentId }] }),
};

async function rawOf(body: object): Promise<string | undefined> {
  const made = await world.ask(world.alice, 'POST', '/drafts', { body: { text: 'x', ...body } });
  if (made.status === 400) return undefined;
  assert.equal(made.status, 201, made.text);
  const raw = await world.ask(world.alice, 'GET', `/messages/${made.json.id}/raw`);
  assert.equal(raw.status, 200);
  return raw.bytes.toString('latin1');
}

/** In a raw message: as a field or as content. An encoded word is a text that nobody takes apart into fields. */
function assertHarmless(raw: string, what: string): void {
  assert.doesNotMatch(raw, /^[ \t]*x-evil/im, what);
  assert.doesNotMatch(raw, /^<script>/im, what);
  assert.doesNotMatch(raw, /\r(?!\n)|(?<!\r)\n|\0/, what);
  // A folded line alone may begin with white space, and none consists of it.
  assert.doesNotMatch(raw.slice(0, raw.indexOf('\r\n\r\n')), /^[ \t]+$/m, what);
}

for (const [field, put] of Object.entries(FIELDS)) {
  test(`line ends in: ${field}`, async () => {
    for (const end of ENDS) {
      const raw = await rawOf(put(evil(end)));
      if (raw !== undefined) assertHarmless(raw, `${field} ${JSON.stringify(end)}: ${raw}`);
    }
  });
}

test('line ends in what is answered or forwarded', async () => {
  for (const end of ['\r\n\t', '\r', '\0', '=?utf-8?Q?=0D=0AX-Evil:_1=0D=0A=0D=0A<script>?=']) {
    const text = evil(end);
    const hostile =
      `From: "${text}" <eve@far.test>\r\nReply-To: "${text}" <eve@far.test>\r\nTo: ${text} <alice@alpha.test>\r\n` +
      `Cc: "${text}" <c@far.test>\r\nSubject: ${text}\r\nMessage-ID: <1@x${text}>\r\nReferences: <a@b> ${text} <c${end}@d>\r\n` +
      `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n` +
      `--b\r\nContent-Type: text/x; name="${text}"\r\nContent-ID: <${text}>\r\nContent-Disposition: attachment; filename="${text}"\r\n\r\nx\r\n--b--\r\n`;
    const imported = await world.ask(world.alice, 'POST', '/messages', {
      body: Buffer.from(hostile.replaceAll('\0', '\x01'), 'latin1'),
      type: 'message/rfc822',
    });
    assert.equal(imported.status, 201, imported.text);
    const id = imported.json.messages[0].id as string;
    for (const body of [{ inReplyTo: id }, { forwardOf: id }, { attachments: [{ message: id }] }]) {
      const raw = await rawOf(body);
      assert.ok(raw !== undefined, JSON.stringify(body));
      // What is attached whole is as it is: our own part of it is the header.
      const whole = 'attachments' in body ? `${raw.slice(0, raw.indexOf('\r\n\r\n'))}\r\n\r\n` : raw;
      const own = whole.replaceAll('=\r\n', '');
      assert.doesNotMatch(own, /^(?:x-evil|<script>)/im, `${JSON.stringify(body)}: ${own}`);
      assert.doesNotMatch(own, /=0[AD]|%0[AD]/, own);
      assert.doesNotMatch(own.slice(0, own.indexOf('\r\n\r\n')), /^[ \t]+$/m);
    }
  }
});
