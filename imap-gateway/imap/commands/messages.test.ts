import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type ImapTestClient, type ImapWorld, imapWorld, type WorldOptions } from '#test/support/imap-session.ts';

const worlds: ImapWorld[] = [];
after(async () => {
  for (const world of worlds) await world.close();
});

async function newWorld(options?: WorldOptions): Promise<ImapWorld> {
  const world = await imapWorld(options);
  worlds.push(world);
  return world;
}

const MESSAGE = 'From: Bob <bob@beta.test>\r\nSubject: Hi\r\n there\r\nTo: alice@alpha.test\r\n\r\nHello\r\nWorld\r\n';

const appendCommand = (text: string, flags = ''): string => `APPEND INBOX ${flags}{${text.length}+}\r\n${text}`;

/** A client in INBOX with the messages given. */
async function inbox(messages: readonly string[] = [MESSAGE], world?: ImapWorld): Promise<ImapTestClient> {
  const client = await (world ?? (await newWorld())).connect();
  for (const message of messages) assert.match((await client.ask(appendCommand(message))).at(-1)!, /^OK \[APPENDUID/);
  await client.ask('SELECT INBOX');
  return client;
}

/** RFC 9051 §7.3.5: told before a message has them. */
const newKeywords = (...keywords: string[]): string[] => {
  const flags = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen', ...keywords].join(' ');
  return [`* FLAGS (${flags})`, `* OK [PERMANENTFLAGS (${flags} \\*)] Flags that are kept`];
};

test('APPEND answers APPENDUID, and the selected mailbox grows at once', async () => {
  const client = await inbox();
  const answer = await client.ask(appendCommand('A: b\r\n\r\nx', '(\\Flagged work) " 1-Jan-2026 08:00:00 +0100" '));
  assert.deepEqual(answer.slice(0, -1), [...newKeywords('work'), '* 2 EXISTS']);
  assert.match(answer.at(-1)!, /^OK \[APPENDUID \d+ 2\]/);
  assert.deepEqual(await client.ask('FETCH 2 (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])'), [
    '* 2 FETCH (FLAGS (\\Flagged work) INTERNALDATE " 1-Jan-2026 08:00:00 +0100" RFC822.SIZE 9 BODY[] {9}\r\nA: b\r\n\r\nx)',
    'OK FETCH completed',
  ]);
});

test('APPEND waits with its go-ahead until it knows that it can take the message', async () => {
  const client = await inbox([], await newWorld({ messageSize: 100 }));
  assert.match((await client.ask('APPEND nowhere {10}')).at(-1)!, /^NO \[TRYCREATE\]/);
  assert.match((await client.ask('APPEND INBOX {101}')).at(-1)!, /^NO \[TOOBIG\]/);
  assert.match((await client.ask(`APPEND INBOX {101+}\r\n${'x'.repeat(101)}`)).at(-1)!, /^NO \[TOOBIG\]/);
  assert.match((await client.ask('APPEND INBOX {0}')).at(-1)!, /^NO/);
  assert.match((await client.ask('APPEND INBOX (\\Bogus) {5}')).at(-1)!, /^BAD/);
  assert.match((await client.ask('APPEND INBOX "31-Feb-2026 00:00:00 +0000" {5}')).at(-1)!, /^BAD/);
  assert.match((await client.ask('APPEND INBOX x')).at(-1)!, /^BAD/);
  client.send('x APPEND {5}\r\n');
  assert.match(await client.line(), /^\+ /);
  client.send('INBOX {6}\r\n');
  assert.match(await client.line(), /^\+ /);
  client.send('a: b\r\n\r\n');
  assert.match((await client.finish('x')).at(-1)!, /^OK \[APPENDUID/);
});

test('APPEND takes NUL in a literal8 only, and nothing behind the message', async () => {
  const client = await inbox([]);
  assert.match((await client.ask('APPEND INBOX {6+}\r\na: b\0c')).at(-1)!, /^BAD/);
  assert.match((await client.ask('APPEND INBOX ~{6+}\r\na: b\0c')).at(-1)!, /^OK/);
  assert.match((await client.ask('APPEND INBOX {4+}\r\na: b junk')).at(-1)!, /^BAD/);
  assert.match((await client.ask('APPEND INBOX UTF8 (~{4+}\r\na: b)')).at(-1)!, /^BAD/);
  await client.ask('ENABLE UTF8=ACCEPT');
  assert.match((await client.ask('APPEND INBOX UTF8 (~{4+}\r\na: b)')).at(-1)!, /^OK/);
  assert.match((await client.ask('APPEND INBOX UTF8 (~{4+}\r\na: b')).at(-1)!, /^BAD/);
  assert.deepEqual((await client.ask('STATUS INBOX (MESSAGES)')).at(0), '* STATUS INBOX (MESSAGES 2)');
});

test('a large message is staged as it comes and streamed as it goes, byte for byte', async () => {
  const client = await inbox([]);
  const text = `Subject: large\r\n\r\n${Array.from({ length: 20_000 }, (_, i) => `line ${i} \xe9`).join('\n')}`;
  assert.match((await client.ask(appendCommand(text))).at(-1)!, /^OK/);
  const [whole] = await client.ask('FETCH 1 BODY.PEEK[]');
  assert.equal(whole, `* 1 FETCH (BODY[] {${text.length}}\r\n${text})`);
  const [part] = await client.ask('FETCH 1 BODY.PEEK[TEXT]<100000.7>');
  assert.equal(part, `* 1 FETCH (BODY[TEXT]<100000> {7}\r\n${text.slice(18 + 100_000, 18 + 100_007)})`);
});

test('FETCH of sections', async () => {
  const client = await inbox();
  const fetch = async (items: string): Promise<string> => (await client.ask(`FETCH 1 (${items})`))[0]!;
  const header = MESSAGE.slice(0, MESSAGE.indexOf('\r\n\r\n') + 4);
  const text = 'Hello\r\nWorld\r\n';
  assert.equal(await fetch('BODY.PEEK[HEADER]'), `* 1 FETCH (BODY[HEADER] {${header.length}}\r\n${header})`);
  assert.equal(await fetch('RFC822.HEADER'), `* 1 FETCH (RFC822.HEADER {${header.length}}\r\n${header})`);
  assert.equal(await fetch('BODY.PEEK[TEXT]'), `* 1 FETCH (BODY[TEXT] {14}\r\n${text})`);
  assert.equal(await fetch('BODY.PEEK[1]'), `* 1 FETCH (BODY[1] {14}\r\n${text})`);
  assert.equal(await fetch('BODY.PEEK[2]'), '* 1 FETCH (BODY[2] NIL)');
  assert.equal(await fetch('BODY.PEEK[TEXT]<3.4>'), '* 1 FETCH (BODY[TEXT]<3> {4}\r\nlo\r\n)');
  assert.equal(await fetch('BODY.PEEK[TEXT]<14.4>'), '* 1 FETCH (BODY[TEXT]<14> "")');
  assert.equal(
    await fetch('BODY.PEEK[HEADER.FIELDS (subject X-None)]'),
    '* 1 FETCH (BODY[HEADER.FIELDS (subject X-None)] {23}\r\nSubject: Hi\r\n there\r\n\r\n)',
  );
  assert.equal(
    await fetch('BODY.PEEK[HEADER.FIELDS.NOT (subject from)]<0.5>'),
    '* 1 FETCH (BODY[HEADER.FIELDS.NOT (subject from)]<0> {5}\r\nTo: a)',
  );
  assert.match(await fetch('ENVELOPE'), /^\* 1 FETCH \(ENVELOPE \(NIL "Hi there" \(\("Bob" NIL "bob" "beta.test"\)\)/);
  assert.match(await fetch('BODYSTRUCTURE UID'), /^\* 1 FETCH \(UID 1 BODYSTRUCTURE \("TEXT" "PLAIN"/i);
  assert.match(await fetch('EMAILID THREADID'), /^\* 1 FETCH \(EMAILID \(m\w+\) THREADID \(t\w+\)\)$/);
  assert.equal(await fetch('SAVEDATE'), '* 1 FETCH (SAVEDATE " 1-Jan-2030 00:00:00 +0000")');
  assert.equal(await fetch('PREVIEW (LAZY)'), '* 1 FETCH (PREVIEW {11}\r\nHello World)');
});

test('what is read without PEEK is seen, except in EXAMINE', async () => {
  const client = await inbox();
  await client.ask('FETCH 1 (RFC822.HEADER BODY.PEEK[] BINARY.PEEK[1])');
  assert.equal((await client.ask('FETCH 1 FLAGS'))[0], '* 1 FETCH (FLAGS ())');
  await client.ask('EXAMINE INBOX');
  assert.deepEqual(await client.ask('FETCH 1 BODY[1]'), [
    '* 1 FETCH (BODY[1] {14}\r\nHello\r\nWorld\r\n)',
    'OK FETCH completed',
  ]);
  await client.ask('SELECT INBOX');
  assert.deepEqual((await client.ask('FETCH 1 BODY[1]')).slice(1), [
    '* 1 FETCH (UID 1 FLAGS (\\Seen))',
    'OK FETCH completed',
  ]);
  assert.equal((await client.ask('FETCH 1 RFC822.TEXT')).length, 2);
});

test('BINARY decodes, tells sizes, and refuses unknown encodings', async () => {
  const encoded = (encoding: string, body: string): string =>
    `Content-Type: text/plain\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}`;
  const large = 'x'.repeat(90_000);
  const client = await inbox([
    encoded('base64', 'aGVsbG8A\r\n'),
    encoded('quoted-printable', 'a=3Db=\r\nc\r\n'),
    encoded('x-odd', 'abc'),
    encoded('base64', Buffer.from(large).toString('base64')),
  ]);
  const fetch = async (number: number, items: string): Promise<string[]> => client.ask(`FETCH ${number} (${items})`);
  assert.equal(
    (await fetch(1, 'BINARY.PEEK[1] BINARY.SIZE[1]'))[0],
    '* 1 FETCH (BINARY[1] ~{6}\r\nhello\0 BINARY.SIZE[1] 6)',
  );
  assert.equal((await fetch(1, 'BINARY.PEEK[1]<1.3>'))[0], '* 1 FETCH (BINARY[1]<1> {3}\r\nell)');
  assert.equal((await fetch(2, 'BINARY.PEEK[1]'))[0], '* 2 FETCH (BINARY[1] {6}\r\na=bc\r\n)');
  assert.deepEqual(
    (await fetch(3, 'UID BINARY[1]')).map((line) => line.slice(0, 16)),
    ['NO [UNKNOWN-CTE]'],
  );
  assert.equal((await fetch(4, 'BINARY.SIZE[1]'))[0], '* 4 FETCH (BINARY.SIZE[1] 90000)');
  assert.equal((await fetch(4, 'BINARY.PEEK[1]'))[0], `* 4 FETCH (BINARY[1] ~{90000}\r\n${large})`);
  assert.equal((await fetch(4, 'BINARY.PEEK[1]<89998.9>'))[0], '* 4 FETCH (BINARY[1]<89998> ~{2}\r\nxx)');
});

test('message numbers must exist, UIDs need not', async () => {
  const client = await inbox();
  assert.match((await client.ask('FETCH 2 FLAGS')).at(-1)!, /^BAD/);
  assert.match((await client.ask('FETCH 1:2 FLAGS')).at(-1)!, /^BAD/);
  assert.deepEqual(await client.ask('UID FETCH 7 FLAGS'), ['OK FETCH completed']);
  assert.deepEqual(await client.ask('UID FETCH 7:* FLAGS'), ['* 1 FETCH (UID 1 FLAGS ())', 'OK FETCH completed']);
  await client.ask('STORE 1 +FLAGS.SILENT \\Deleted');
  await client.ask('EXPUNGE');
  assert.match((await client.ask('FETCH * FLAGS')).at(-1)!, /^BAD/);
  assert.deepEqual(await client.ask('UID FETCH 1:* FLAGS'), ['OK FETCH completed']);
});

test('STORE changes, answers, and is silent when asked', async () => {
  const client = await inbox([MESSAGE, MESSAGE]);
  assert.deepEqual(await client.ask('STORE 1:2 +FLAGS (\\Seen Work)'), [
    ...newKeywords('Work'),
    '* 1 FETCH (UID 1 FLAGS (\\Seen Work))',
    '* 2 FETCH (UID 2 FLAGS (\\Seen Work))',
    'OK STORE completed',
  ]);
  assert.deepEqual(await client.ask('STORE 1 -FLAGS.SILENT \\Seen'), ['OK STORE completed']);
  assert.deepEqual(await client.ask('UID STORE 1 FLAGS (work)'), [
    '* 1 FETCH (UID 1 FLAGS (Work))',
    'OK STORE completed',
  ]);
  await client.ask('EXAMINE INBOX');
  assert.match((await client.ask('STORE 1 FLAGS ()')).at(-1)!, /^NO \[READ-ONLY\]/);
});

test('CONDSTORE: UNCHANGEDSINCE, MODIFIED, CHANGEDSINCE, and modseqs everywhere once it is on', async () => {
  const world = await newWorld();
  const client = await inbox([MESSAGE, MESSAGE], world);
  const other = await inbox([], world);
  const [enabled, first] = await client.ask('FETCH 1 (MODSEQ)');
  assert.match(enabled!, /^\* OK \[HIGHESTMODSEQ \d+\]/);
  const modseq = Number(/MODSEQ \((\d+)\)/.exec(first!)![1]);
  await other.ask('STORE 2 +FLAGS.SILENT \\Flagged');
  const answer = await client.ask(`STORE 1:2 (UNCHANGEDSINCE ${modseq + 1}) +FLAGS.SILENT \\Seen`);
  assert.match(answer.at(-1)!, /^OK \[MODIFIED 2\]/);
  const told = answer.find((line) => line.startsWith('* 1 FETCH'))!;
  assert.match(told, /^\* 1 FETCH \(UID 1 MODSEQ \(\d+\)\)$/);
  const since = Number(/MODSEQ \((\d+)\)/.exec(told)![1]) - 1;
  assert.deepEqual(
    (await client.ask(`UID FETCH 1:* FLAGS (CHANGEDSINCE ${since})`)).map((line) => line.replace(/\d+\)\)$/, 'n))')),
    ['* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (n))', 'OK FETCH completed'],
  );
  assert.match(
    (await client.ask(`SEARCH MODSEQ ${since + 1}`))[0]!,
    new RegExp(`^\\* SEARCH 1 \\(MODSEQ ${since + 1}\\)$`),
  );
});

test('changes by others are told apart from own silent ones', async () => {
  const world = await newWorld();
  const client = await inbox([MESSAGE], world);
  const other = await inbox([], world);
  await other.ask('STORE 1 +FLAGS.SILENT \\Flagged');
  assert.deepEqual(await client.ask('STORE 1 +FLAGS.SILENT \\Seen'), [
    '* 1 FETCH (UID 1 FLAGS (\\Flagged))',
    'OK STORE completed',
  ]);
});

test('COPY and MOVE answer COPYUID; MOVE before its EXPUNGEs', async () => {
  const client = await inbox([MESSAGE, MESSAGE, MESSAGE]);
  assert.match((await client.ask('COPY 1 Trash2')).at(-1)!, /^NO \[TRYCREATE\]/);
  await client.ask('CREATE Trash2');
  assert.match((await client.ask('COPY 1,3 Trash2')).at(-1)!, /^OK \[COPYUID \d+ 1,3 1:2\]/);
  const moved = await client.ask('UID MOVE 2:3 Trash2');
  assert.match(moved[0]!, /^\* OK \[COPYUID \d+ 2:3 3:4\]/);
  assert.deepEqual(moved.slice(1), ['* 3 EXPUNGE', '* 2 EXPUNGE', 'OK MOVE completed']);
  assert.deepEqual(await client.ask('UID MOVE 2:3 Trash2'), ['OK MOVE completed']);
  assert.deepEqual(await client.ask('UID COPY 9 Trash2'), ['OK COPY completed']);
  assert.deepEqual((await client.ask('STATUS Trash2 (MESSAGES)'))[0], '* STATUS Trash2 (MESSAGES 4)');
});

test('EXPUNGE, UID EXPUNGE, CLOSE and UNSELECT', async () => {
  const client = await inbox([MESSAGE, MESSAGE, MESSAGE, MESSAGE]);
  await client.ask('STORE 1:3 +FLAGS.SILENT \\Deleted');
  assert.deepEqual(await client.ask('UID EXPUNGE 2,4'), ['* 2 EXPUNGE', 'OK EXPUNGE completed']);
  assert.deepEqual(await client.ask('EXPUNGE'), ['* 2 EXPUNGE', '* 1 EXPUNGE', 'OK EXPUNGE completed']);
  await client.ask('STORE 1 +FLAGS.SILENT \\Deleted');
  await client.ask('UNSELECT');
  await client.ask('EXAMINE INBOX');
  assert.match((await client.ask('EXPUNGE')).at(-1)!, /^NO \[READ-ONLY\]/);
  await client.ask('CLOSE');
  assert.match((await client.ask('STATUS INBOX (MESSAGES)'))[0]!, /MESSAGES 1/);
  await client.ask('SELECT INBOX');
  assert.deepEqual(await client.ask('CLOSE'), ['OK CLOSE completed']);
  assert.match((await client.ask('STATUS INBOX (MESSAGES)'))[0]!, /MESSAGES 0/);
  assert.match((await client.ask('FETCH 1 FLAGS')).at(-1)!, /^BAD/);
});

test('what others expunge keeps its number until it may be told, and its content too', async () => {
  const world = await newWorld();
  const client = await inbox([MESSAGE, MESSAGE.replace('World', 'Other')], world);
  const other = await inbox([], world);
  await other.ask('STORE 1 +FLAGS.SILENT \\Deleted');
  await other.ask('EXPUNGE');
  assert.deepEqual(await client.ask('FETCH 1:2 BODY.PEEK[TEXT]<7.5>'), [
    '* 1 FETCH (BODY[TEXT]<7> {5}\r\nWorld)',
    '* 2 FETCH (BODY[TEXT]<7> {5}\r\nOther)',
    'OK FETCH completed',
  ]);
  assert.deepEqual(await client.ask('SEARCH ALL'), ['* SEARCH 2', 'OK SEARCH completed']);
  assert.deepEqual(await client.ask('STORE 1 +FLAGS \\Seen'), ['OK STORE completed']);
  assert.deepEqual(await client.ask('FETCH 2 UID'), ['* 2 FETCH (UID 2)', 'OK FETCH completed']);
  assert.deepEqual(await client.ask('NOOP'), ['* 1 EXPUNGE', 'OK NOOP completed']);
  assert.deepEqual(await client.ask('FETCH 1 UID'), ['* 1 FETCH (UID 2)', 'OK FETCH completed']);
});

test('SEARCH by everything', async () => {
  const client = await inbox([
    MESSAGE,
    'From: =?utf-8?q?J=C3=BCrgen?= <j@x.test>\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\n\r\nGr\xc3\xbc\xc3\x9fe',
    MESSAGE.replace('Hello', 'Goodbye'),
  ]);
  await client.ask('STORE 2 +FLAGS.SILENT (\\Seen work)');
  const search = async (keys: string): Promise<string> => (await client.ask(`SEARCH ${keys}`))[0]!.slice(9);
  assert.equal(await search('ALL'), '1 2 3');
  assert.equal(await search('UNSEEN'), '1 3');
  assert.equal(await search('KEYWORD WORK'), '2');
  assert.equal(await search('NOT KEYWORD work 2:3'), '3');
  assert.equal(await search('OR SEEN BODY goodbye'), '2 3');
  assert.equal(await search('CHARSET UTF-8 FROM {7+}\r\nJ\xc3\xbcRGEN'), '2');
  assert.equal(await search('CHARSET ISO-8859-1 FROM {6+}\r\nj\xfcrgen'), '2');
  assert.equal(await search('SENTON 2-Mar-2026'), '2');
  assert.equal(await search('HEADER subject ""'), '1 3');
  assert.equal(await search('HEADER subject there UID 2:*'), '3');
  assert.equal(await search('SINCE 1-Jan-2030 YOUNGER 10'), '1 2 3');
  assert.equal(await search(`SUBJECT hi LARGER ${MESSAGE.length}`), '3');
  assert.equal(await search('NEW'), '');
  assert.deepEqual(await client.ask('UID SEARCH UID 2:3 NOT TEXT x.test'), ['* SEARCH 3', 'OK SEARCH completed']);
  assert.match((await client.ask('SEARCH CHARSET X-NONE BODY x')).at(-1)!, /^NO \[BADCHARSET \(US-ASCII UTF-8\)\]/);
  assert.match((await client.ask('SEARCH 4')).at(-1)!, /^BAD/);
});

test('ESEARCH and SEARCHRES', async () => {
  const client = await inbox([MESSAGE, MESSAGE, MESSAGE, MESSAGE]);
  await client.ask('STORE 2:3 +FLAGS.SILENT \\Flagged');
  const tag = client.start('UID SEARCH RETURN (MIN MAX COUNT ALL) UNFLAGGED');
  assert.equal((await client.finish(tag))[0], `* ESEARCH (TAG "${tag}") UID MIN 1 MAX 4 COUNT 2 ALL 1,4`);
  assert.deepEqual(await client.ask('SEARCH RETURN (SAVE) FLAGGED'), ['OK SEARCH completed']);
  assert.deepEqual(await client.ask('FETCH $ UID'), ['* 2 FETCH (UID 2)', '* 3 FETCH (UID 3)', 'OK FETCH completed']);
  assert.match((await client.ask('SEARCH RETURN (COUNT) $ NOT 2'))[0]!, /COUNT 1$/);
  await client.ask('SEARCH RETURN (SAVE MIN) FLAGGED');
  assert.equal((await client.ask('UID FETCH $ FLAGS')).length, 2);
  await client.ask('SEARCH RETURN (SAVE) CHARSET X-NONE BODY x');
  assert.deepEqual(await client.ask('UID FETCH $ FLAGS'), ['OK FETCH completed']);
  await client.ask('ENABLE IMAP4rev2');
  assert.match((await client.ask('SEARCH DELETED'))[0]!, /^\* ESEARCH \(TAG "t\d+"\)$/);
});

test('pipelined commands are answered in their order, on settled numbers', async () => {
  const client = await inbox([MESSAGE, MESSAGE]);
  const tags = ['STORE 1 +FLAGS.SILENT \\Deleted', 'EXPUNGE', 'FETCH 1 UID'].map((command) => client.start(command));
  assert.deepEqual(await client.finish(tags[0]!), ['OK STORE completed']);
  assert.deepEqual(await client.finish(tags[1]!), ['* 1 EXPUNGE', 'OK EXPUNGE completed']);
  assert.deepEqual(await client.finish(tags[2]!), ['* 1 FETCH (UID 2)', 'OK FETCH completed']);
});
