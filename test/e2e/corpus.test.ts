/**
 * Every message of the corpus goes into a whole peer by DATA, BDAT and APPEND, and through it to another peer, and comes out of IMAP as it went in.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { simpleParser } from 'mailparser';
import { readResponse, type Value } from '#mail/mime/response-grammar.testkit.ts';
import { loopbackAddress, PORT_BASE, startTestPeer, type TestPeer } from '#test/support/system.ts';
import { withoutReturnPath } from '#test/support/trace-fields.ts';
import { fetchItems, ImapWire, SmtpWire } from '#test/support/wire.ts';

const CORPUS = new URL('../fixture/corpus/', import.meta.url);
const WAYS = ['data', 'bdat', 'append'] as const;
type Way = (typeof WAYS)[number];

interface Message {
  readonly name: string;
  readonly bytes: Buffer;
  /** The first words of the reply that refuses it on port 25. */
  readonly refused?: string;
}

/** Bare LF made CRLF; all else as it was found. */
const found: Message[] = readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(?:eml|msg|txt)$/.test(name))
  .sort()
  .map((name) => ({
    name,
    bytes: Buffer.from(readFileSync(new URL(name, CORPUS), 'latin1').replace(/\r?\n/g, '\r\n'), 'latin1'),
  }));

const hostile: Message[] = [
  ['NUL', 'a\0b', '550 5.6.11'],
  ['bare CR', 'a\rb', '550 5.6.11'],
  ['bare LF', 'a\nb', '550 5.6.11'],
  ['end of data with a bare LF', 'a\n.\nMAIL FROM:<smuggled@wire.test>', '550 5.6.11'],
  ['overlong line', 'x'.repeat(20_000), '550 5.6.0'],
].map(([name, text, refused]) => ({
  name: name as string,
  bytes: Buffer.from(`Subject: ${name}\r\nContent-Type: text/plain\r\n\r\nfirst\r\n${text}\r\nlast\r\n`, 'latin1'),
  refused: refused as string,
}));

/** What DATA can carry: it ends with CRLF. */
const asData = (bytes: Buffer): Buffer =>
  bytes.subarray(-2).equals(Buffer.from('\r\n')) ? bytes : Buffer.concat([bytes, Buffer.from('\r\n')]);
const sentBy = (way: Way, { bytes }: Message): Buffer => (way === 'data' ? asData(bytes) : bytes);
const expectedOf = (way: Way, message: Message): Buffer =>
  way === 'append' ? message.bytes : withoutReturnPath(sentBy(way, message));
const sender = (n: number): string => `n${n}@wire.test`;

/** Takes off what we put on top, which is exactly this; `hosts`: who gave it to whom, the last first. */
function withoutTrace(text: string, address: string, hosts = ['wire.test']): { n: number; content: string } {
  const received = hosts.map((host) => `Received: from ${host} [^\\r\\n]*(?:\\r\\n[ \\t][^\\r\\n]*)*\\r\\n`).join('');
  const trace = new RegExp(`^Return-Path: <n(\\d+)@wire\\.test>\\r\\nDelivered-To: ${address}\\r\\n${received}`).exec(
    text,
  );
  assert.ok(trace, `trace fields stand on top: ${text.slice(0, 300)}`);
  return { n: Number(trace[1]), content: text.slice(trace[0].length) };
}

describe(`the corpus of ${found.length} messages through a whole peer`, { concurrency: 1 }, () => {
  let peer: TestPeer;
  let other: TestPeer;
  let pids: ReadonlyMap<string, number>;
  const imaps = new Map<Way, ImapWire>();

  before(async () => {
    const host = loopbackAddress();
    const routes = { 'b.test': `smtp://${host}:${PORT_BASE + 25}` };
    [peer, other] = await Promise.all([
      startTestPeer({ domain: 'a.test', users: WAYS, routes }),
      startTestPeer({ domain: 'b.test', users: ['far'], host }),
    ]);
    await peer.cli(['alias', 'add', 'near@a.test', 'far@b.test']);
    pids = await peer.pids();
    for (const way of WAYS) {
      const imap = await ImapWire.open(peer.host, peer.port(143), `${way}@a.test`, peer.password);
      await imap.must('SELECT INBOX');
      imaps.set(way, imap);
    }
  });
  after(async () => {
    for (const imap of imaps.values()) await imap.close();
    await Promise.all([peer?.close(), other?.close()]);
  });
  const imapOf = (way: Way): ImapWire => imaps.get(way) as ImapWire;

  for (const way of ['data', 'bdat'] as const) {
    test(`by SMTP ${way.toUpperCase()}, and out of IMAP byte for byte`, async () => {
      const smtp = await SmtpWire.open(peer.host, peer.port(25));
      for (const [n, message] of found.entries()) {
        const { text } = await smtp[way](sender(n), `${way}@a.test`, sentBy(way, message));
        assert.match(text, /^250 2\.0\.0 /, message.name);
      }
      await smtp.close();
      const seen = new Set<number>();
      await imapOf(way).must('NOOP');
      for (const response of await imapOf(way).must('FETCH 1:* BODY.PEEK[]')) {
        if (!response.startsWith('* ') || !response.includes(' FETCH (')) continue;
        const { n, content } = withoutTrace(fetchItems(response).get('BODY[]') ?? '', `${way}@a.test`);
        const message = found[n] as Message;
        assert.ok(expectedOf(way, message).equals(Buffer.from(content, 'latin1')), `${message.name} has changed`);
        seen.add(n);
      }
      assert.equal(seen.size, found.length);
    });

    test(`what SMTP must not carry is refused behind ${way.toUpperCase()}, and the session goes on`, async () => {
      const smtp = await SmtpWire.open(peer.host, peer.port(25));
      for (const { name, bytes, refused } of hostile) {
        const { text } = await smtp[way](sender(999), `${way}@a.test`, bytes);
        assert.ok(text.startsWith(`${refused} `), `${name}: ${text}`);
      }
      assert.equal((await smtp.ask('NOOP\r\n')).code, 250);
      await smtp.close();
      const [status] = await imapOf(way).must('STATUS INBOX (MESSAGES)');
      assert.match(status ?? '', new RegExp(`\\(MESSAGES ${found.length}\\)`));
    });
  }

  test('through the queue to another peer, and out of IMAP there byte for byte', async () => {
    const smtp = await SmtpWire.open(peer.host, peer.port(25));
    for (const [n, message] of found.entries()) {
      const { text } = await smtp.bdat(sender(n), 'near@a.test', message.bytes);
      assert.match(text, /^250 2\.0\.0 /, message.name);
    }
    await smtp.close();
    const imap = await ImapWire.open(other.host, other.port(143), 'far@b.test', other.password);
    await imap.selectAndWait('INBOX', found.length);
    const seen = new Set<number>();
    for (const response of await imap.must('FETCH 1:* BODY.PEEK[]')) {
      if (!response.startsWith('* ') || !response.includes(' FETCH (')) continue;
      const text = fetchItems(response).get('BODY[]') ?? '';
      const { n, content } = withoutTrace(text, 'far@b.test', ['mx.a.test', 'wire.test']);
      const { name, bytes } = found[n] as Message;
      assert.ok(withoutReturnPath(bytes).equals(Buffer.from(content, 'latin1')), `${name} has changed`);
      seen.add(n);
    }
    assert.equal(seen.size, found.length);
    await imap.close();
  });

  test('by APPEND, and out of IMAP byte for byte, with what SMTP refuses', async () => {
    const imap = imapOf('append');
    for (const { name, bytes } of [...found, ...hostile]) {
      const hasNul = bytes.includes(0);
      if (hasNul) assert.match(await imap.append('INBOX', bytes), /^(?:NO|BAD) /, 'NUL in a plain literal');
      const answer = await imap.append('INBOX', bytes, hasNul);
      const uid = /^OK \[APPENDUID \d+ (\d+)\] /.exec(answer)?.[1];
      assert.ok(uid !== undefined, `${name}: ${answer}`);
      const fetched = await imap.must(`UID FETCH ${uid} (RFC822.SIZE BODY.PEEK[])`);
      const items = fetchItems(fetched.find((response) => response.includes(' FETCH (')) ?? '');
      assert.equal(items.get('RFC822.SIZE'), String(bytes.length), name);
      assert.ok(bytes.equals(Buffer.from(items.get('BODY[]') ?? '', 'latin1')), `${name} has changed`);
    }
  });

  for (const way of ['data', 'append'] as const) {
    test(`BODYSTRUCTURE agrees with the octets of every part, ${way}`, async () => {
      const imap = imapOf(way);
      for (let n = 0; n < found.length; n++) {
        const response = await fetch(imap, n + 1, 'BODYSTRUCTURE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT]');
        const whole = response('BODY[]');
        const { name } = found[way === 'data' ? withoutTrace(whole, `${way}@a.test`).n : n] as Message;
        assert.equal(response('BODY[HEADER]') + response('BODY[TEXT]'), whole, name);
        const parts = partsOf(structureOf(response('BODYSTRUCTURE')), '', true);
        assert.ok(parts.length > 0, name);
        await checkParts(imap, n + 1, parts, whole, name);
      }
    });
  }

  test('the attachments that mailparser sees are parts whose decoded octets BINARY gives', async () => {
    const imap = imapOf('append');
    let compared = 0;
    for (const [n, { name, bytes }] of found.entries()) {
      // A type without subtype is text/plain here (RFC 2045 §5.2); mailparser calls it an attachment of type `text`.
      if (name.endsWith('msg_14.txt')) continue;
      const parsed = await simpleParser(bytes, { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true });
      if (parsed.attachments.length === 0) continue;
      const structure = structureOf((await fetch(imap, n + 1, 'BODYSTRUCTURE'))('BODYSTRUCTURE'));
      const leaves = partsOf(structure, '', true).filter((part) => part.size !== undefined && isDecoded(part.encoding));
      const items = await fetch(imap, n + 1, leaves.map(({ path }) => `BINARY.PEEK[${path}]`).join(' '));
      for (const { contentType, content } of parsed.attachments) {
        const same = leaves.some(
          ({ type, path }) => type === contentType && content.equals(Buffer.from(items(`BINARY[${path}]`), 'latin1')),
        );
        assert.ok(same, `${name}: ${contentType} of ${content.length} octets`);
        compared += 1;
      }
    }
    assert.ok(compared > 50, `compared ${compared}`);
  });

  test('no process was replaced, and none has logged an error', async () => {
    assert.deepEqual(await peer.pids(), pids);
    const lines = peer
      .log()
      .split('\n')
      .filter((line) => line !== '');
    assert.ok(lines.length > found.length, 'the log is being read');
    const errors = lines.filter((line) => !/"level":"(?:trace|debug|info|warn)"/.test(line));
    assert.deepEqual(errors, []);
  });
});

async function fetch(imap: ImapWire, n: number, names: string): Promise<(item: string) => string> {
  const responses = await imap.must(`FETCH ${n} (${names})`);
  const items = fetchItems(responses.find((response) => response.startsWith(`* ${n} FETCH (`)) ?? '');
  return (item) => {
    const value = items.get(item);
    assert.ok(value !== undefined, `message ${n} has ${item}`);
    return value;
  };
}

interface Part {
  readonly path: string;
  readonly type: string;
  readonly encoding: string;
  /** Octets; none for a multipart. */
  readonly size?: number;
  /** message/rfc822: has HEADER and TEXT of its own. */
  readonly isMessage: boolean;
}

const structureOf = (text: string): readonly Value[] => readResponse(Buffer.from(text, 'latin1')) as readonly Value[];
const isDecoded = (encoding: string): boolean =>
  ['7bit', '8bit', 'binary', 'base64', 'quoted-printable'].includes(encoding);

/** The parts by their numbers (RFC 9051 §6.4.5.1); `top`: the structure is a message's, which has a number only where it is no multipart. */
function partsOf(structure: readonly Value[], path: string, top: boolean): Part[] {
  const below = path === '' ? '' : `${path}.`;
  if (Array.isArray(structure[0])) {
    const children = structure.filter((value, i) => Array.isArray(value) && structure.slice(0, i).every(Array.isArray));
    const subtype = String(structure[children.length]).toLowerCase();
    const own = top ? [] : [{ path, type: `multipart/${subtype}`, encoding: '', isMessage: false }];
    return [...own, ...children.flatMap((child, i) => partsOf(child as readonly Value[], `${below}${i + 1}`, false))];
  }
  const own = top ? `${below}1` : path;
  const type = `${String(structure[0])}/${String(structure[1])}`.toLowerCase();
  const isMessage = type === 'message/rfc822' || type === 'message/global';
  const part = { path: own, type, encoding: String(structure[5]).toLowerCase(), size: Number(structure[6]), isMessage };
  return isMessage ? [part, ...partsOf(structure[8] as readonly Value[], own, true)] : [part];
}

async function checkParts(
  imap: ImapWire,
  n: number,
  parts: readonly Part[],
  whole: string,
  name: string,
): Promise<void> {
  const names = parts.flatMap(({ path, isMessage }) => {
    const embedded = isMessage ? [`BODY.PEEK[${path}.HEADER]`, `BODY.PEEK[${path}.TEXT]`] : [];
    return [`BODY.PEEK[${path}]`, `BODY.PEEK[${path}.MIME]`, ...embedded];
  });
  const items = await fetch(imap, n, names.join(' '));
  for (const { path, size, encoding, isMessage } of parts) {
    const body = items(`BODY[${path}]`);
    if (size !== undefined) assert.equal(body.length, size, `${name}: size of part ${path}`);
    assert.ok(whole.includes(items(`BODY[${path}.MIME]`) + body), `${name}: part ${path} stands in the message`);
    // RFC 2046 §5.2.1 forbids encoding a message; what is encoded all the same stays closed, with nothing in it.
    const closed = encoding === 'base64' || encoding === 'quoted-printable';
    if (isMessage) {
      const embedded = items(`BODY[${path}.HEADER]`) + items(`BODY[${path}.TEXT]`);
      assert.equal(embedded, closed ? '' : body, `${name}: part ${path}`);
    }
  }
}
