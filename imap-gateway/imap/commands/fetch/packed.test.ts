import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type ImapTestClient, type ImapWorld, imapWorld } from '#test/support/imap-session.ts';

const worlds: ImapWorld[] = [];
after(async () => {
  for (const world of worlds) await world.close();
});

const COUNT = 300;

function message(n: number): string {
  const other = n % 4 === 0 ? 'X-Other: a\r\n b\r\n' : '';
  const nul = n === 17 ? 'X-Nul: \0\r\n' : '';
  return `From: Bob <bob@beta.test>\r\nSubject: Number ${n}\r\n folded\r\n${other}TO: alice@alpha.test\r\n${nul}\r\nText ${n}\r\n`;
}

async function filled(): Promise<{ world: ImapWorld; client: ImapTestClient }> {
  const world = await imapWorld();
  worlds.push(world);
  const client = await world.connect();
  for (let n = 1; n <= COUNT; n++) {
    const text = message(n);
    assert.match((await client.ask(`APPEND INBOX (\\Seen) ~{${text.length}+}\r\n${text}`)).at(-1)!, /^OK/);
  }
  await client.ask('SELECT INBOX');
  return { world, client };
}

const ITEMS = [
  '(ENVELOPE)',
  '(UID FLAGS BODYSTRUCTURE BODY)',
  '(RFC822.SIZE INTERNALDATE FLAGS BODY.PEEK[HEADER.FIELDS (From SUBJECT to)])',
  '(BODY.PEEK[HEADER.FIELDS (Cc Date)])',
  '(BODY.PEEK[HEADER.FIELDS (X-Other Subject)] MODSEQ)',
  '(BODY.PEEK[HEADER.FIELDS (Subject)]<0.9> PREVIEW)',
];

const fetches = (answers: readonly string[]): string[] => answers.filter((line) => line.includes(' FETCH ('));
const byNumber = (a: string, b: string): number => Number(a.split(' ')[1]) - Number(b.split(' ')[1]);

test('a FETCH of many says what a FETCH of each says', async () => {
  const { client } = await filled();
  for (const items of ITEMS) {
    const many = fetches(await client.ask(`FETCH 1:* ${items}`)).sort(byNumber);
    const each: string[] = [];
    for (let n = 1; n <= COUNT; n++) each.push(...fetches(await client.ask(`FETCH ${n} ${items}`)));
    assert.ok(many.length === COUNT && many.join('\n') === each.join('\n'), items);
  }
});

test('a FETCH of many knows gaps, and messages that others have expunged', async () => {
  const { world, client } = await filled();
  const other = await world.connect();
  await other.ask('SELECT INBOX');
  await other.ask('STORE 5:9,200 +FLAGS.SILENT (\\Deleted)');
  await client.ask('NOOP');
  await other.ask('EXPUNGE');
  const answers = await client.ask('FETCH 3:20,150:290 (UID RFC822.SIZE ENVELOPE)');
  const wanted = [...Array.from({ length: 18 }, (_, i) => i + 3), ...Array.from({ length: 141 }, (_, i) => i + 150)];
  assert.deepEqual(
    answers
      .slice(0, -1)
      .sort(byNumber)
      .map((line) => /^\* (\d+) FETCH \(UID (\d+) .*Number (\d+) /.exec(line)?.slice(1).map(Number)),
    wanted.map((n) => [n, n, n]),
  );
  await client.ask('NOOP');
  const uids = (await client.ask('UID FETCH 1:250 (ENVELOPE)'))
    .slice(0, -1)
    .map((line) => Number(/UID (\d+)/.exec(line)?.[1]));
  assert.deepEqual(
    uids.sort((a, b) => a - b),
    Array.from({ length: 250 }, (_, i) => i + 1).filter((uid) => uid !== 200 && (uid < 5 || uid > 9)),
  );
});
