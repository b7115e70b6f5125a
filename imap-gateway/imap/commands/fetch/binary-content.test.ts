/** RFC 9051 §4.3.1, RFC 3516: messages that hold NUL go in by a literal8 and come out in one, whole, in parts, small and large. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imapWorld } from '#test/support/imap-session.ts';

const HEAD =
  'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n';
const END = '\r\n--b\r\n\r\nplain\r\n--b--\r\n';

for (const [what, content] of [
  ['small', 'a\0b\r\xff\n'],
  ['large', `${'x'.repeat(400_000)}\0`],
] as const) {
  test(`a ${what} message with NUL`, async (t) => {
    const world = await imapWorld({ messageSize: 1_000_000 });
    t.after(() => world.close());
    const client = await world.connect();
    const text = HEAD + content + END;
    client.send(`a APPEND INBOX ~{${text.length}+}\r\n${text}\r\n`);
    assert.match((await client.finish('a')).at(-1) ?? '', /^OK/);
    await client.ask('SELECT INBOX');
    const fetch = async (item: string): Promise<string> => (await client.ask(`FETCH 1 ${item}`))[0] ?? '';
    assert.equal(await fetch('BODY.PEEK[]'), `* 1 FETCH (BODY[] ~{${text.length}}\r\n${text})`);
    assert.equal(await fetch('BODY.PEEK[1]'), `* 1 FETCH (BODY[1] ~{${content.length}}\r\n${content})`);
    assert.equal(await fetch('BINARY.PEEK[1]'), `* 1 FETCH (BINARY[1] ~{${content.length}}\r\n${content})`);
    // What holds no NUL stands in a literal that everybody knows.
    assert.equal(await fetch('BODY.PEEK[2]'), '* 1 FETCH (BODY[2] {5}\r\nplain)');
    assert.equal(await fetch('BODY.PEEK[]<0.12>'), '* 1 FETCH (BODY[]<0> {12}\r\nContent-Type)');
  });
}
