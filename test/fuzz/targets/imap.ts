/** IMAP commands as they are framed and read. */
import assert from 'node:assert/strict';
import { MailError } from '#mail/failure.ts';
import { Refused } from '../../../imap-gateway/imap/command.ts';
import { commandTable } from '../../../imap-gateway/imap/commands/table.ts';
import { readHead } from '../../../imap-gateway/imap/dispatch.ts';
import { type CommandPart, Framer, type FramerEvent } from '../../../imap-gateway/imap/framer.ts';
import { ParseError } from '../../../imap-gateway/imap/grammar/parse-error.ts';
import { newSession, type Session } from '../../../imap-gateway/imap/session.ts';
import { dialogs, sessions } from '../seeds.ts';
import type { Target } from '../target.ts';
import { enlarged, refusing } from './kit.ts';

export const IMAP_WORDS = [
  ' FETCH 1:* ',
  'BODY.PEEK[]',
  'BODY[1.2.HEADER.FIELDS (SUBJECT)]<0.10>',
  'BINARY.SIZE[1]',
  'ENVELOPE',
  ' (CHANGEDSINCE 1 VANISHED)',
  ' UID ',
  ' SEARCH RETURN (ALL) ',
  'OR NOT SEEN',
  'CHARSET UTF-8 ',
  'SENTSINCE 1-Jan-2026',
  'HEADER "X" ""',
  ' STORE 1 +FLAGS.SILENT (\\Seen)',
  ' APPEND INBOX {3+}\r\nabc\r\n',
  '{5}\r\n',
  '{5+}\r\n',
  '~{5+}\r\n',
  '{4294967296}\r\n',
  ' LIST (SUBSCRIBED) "" ("*" %) RETURN (STATUS (MESSAGES))',
  ' SELECT INBOX (QRESYNC (1 2))',
  ' ENABLE IMAP4rev2 UTF8=ACCEPT',
  ' LOGIN alice x',
  ' IDLE\r\nDONE\r\n',
  ' STATUS INBOX (UIDNEXT)',
  ' RENAME a b',
  ' COPY 1 INBOX',
  ' MOVE $ Trash',
  ' UID EXPUNGE 1',
  ' ID NIL',
  ' SETQUOTA "" (STORAGE 5)',
  'NIL',
  '"',
  '\\"',
  '&AOk-',
  '&',
  '*',
  '%',
  '(',
  ')',
  '[',
  ']',
  '<',
  '>',
  ' ',
  '\r\n',
  '\n',
  '\0',
  '\xc3\xa9',
  '\xff',
  '1:*',
  '4294967295',
  '2,4:7,9',
  '$',
  'a ',
];

export const imap: Target = {
  name: 'imap',
  dictionary: IMAP_WORDS,
  seeds: () => [...dialogs('imap'), ...sessions('imap', 'client')],
  run(input, random) {
    const whole = frame([input]);
    assert.deepEqual(frame(random.cut(input)), whole, 'commands depend on the pieces');
    const session = newSession('fuzz');
    if (random.below(300) === 0) {
      const line = enlarged(input)
        .toString('latin1')
        .replace(/[\r\n]+/g, ' ');
      checkCommand([{ kind: 'text', bytes: Buffer.from(line, 'latin1') }], session);
      frame(random.cut(enlarged(input)));
    }
    if (random.chance(50)) session.enabled.add('IMAP4rev2');
    for (const event of whole)
      if (event.type === 'command' || event.type === 'literal') checkCommand(event.parts, session);
  },
};

const LIMITS = { line: 2_000, literal: 1_000, command: 3_000 };

/** What happens to a literal depends on its size alone. Chunks are joined. */
function frame(pieces: readonly Buffer[]): FramerEvent[] {
  const framer = new Framer(LIMITS);
  const events: FramerEvent[] = [];
  let streamed: Buffer[] = [];
  const join = (): void => {
    if (streamed.length > 0) events.push({ type: 'chunk', bytes: Buffer.concat(streamed) });
    streamed = [];
  };
  for (const piece of pieces) {
    framer.push(piece);
    for (let event = framer.next(); event !== undefined; event = framer.next()) {
      if (event.type === 'chunk') {
        streamed.push(event.bytes);
        continue;
      }
      join();
      events.push(event);
      if (event.type !== 'literal') continue;
      if (event.size % 3 === 0) framer.stream();
      else if (event.fits) framer.accept();
      else framer.refuse();
    }
  }
  join();
  return events;
}

function checkCommand(parts: readonly CommandPart[], session: Session): void {
  const head = readHead(parts, session);
  if (head.command === undefined) {
    assert.equal(typeof head.problem, 'string');
    return;
  }
  const command = commandTable.get(head.command.name);
  const { uid } = head.command;
  if (command !== undefined)
    refusing(() => command.prepare(head.cursor, { uid, session }), ParseError, Refused, MailError);
}
