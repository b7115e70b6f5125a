/** Logins over protocols of lines, right, wrong and malformed: what people and programs have typed and sent. */
import { createConnection } from 'node:net';

export interface Talk {
  readonly name: string;
  readonly lines: (secret: string) => readonly string[];
}

const b64 = (text: string): string => Buffer.from(text).toString('base64');
const plain = (secret: string): string => b64(`\0alice@a.test\0${secret}`);

export const IMAP: readonly Talk[] = [
  { name: 'LOGIN', lines: (s) => [`a LOGIN alice@a.test ${s}`] },
  { name: 'LOGIN, quoted', lines: (s) => [`a LOGIN "alice@a.test" "${s}"`] },
  { name: 'LOGIN, no closing quote', lines: (s) => [`a LOGIN alice@a.test "${s}`] },
  { name: 'LOGIN, one argument', lines: (s) => [`a LOGIN ${s}`] },
  { name: 'LOGIN, three arguments', lines: (s) => [`a LOGIN alice@a.test ${s} more`] },
  { name: 'LOGIN, no tag', lines: (s) => [`LOGIN alice@a.test ${s}`] },
  { name: 'LOGIN, turned round', lines: (s) => [`a LOGIN ${s} alice@a.test`] },
  { name: 'LOGIN, odd octets', lines: (s) => [`a LOGIN alice@a.test ${s}\xff\x01`] },
  { name: 'LOGIN, literals', lines: (s) => ['a LOGIN {12}', `alice@a.test {${s.length}}`, s] },
  { name: 'LOGIN, literals at once', lines: (s) => ['a LOGIN {12+}', `alice@a.test {${s.length}+}`, s] },
  { name: 'LOGIN, a literal that is too short', lines: (s) => ['a LOGIN {12+}', `alice@a.test {3+}`, s] },
  { name: 'LOGIN, a literal too large', lines: (s) => ['a LOGIN alice@a.test {999999999+}', s, s] },
  { name: 'no command', lines: (s) => [`a LOGINN alice@a.test ${s}`, `${s}`, `a ${s}`] },
  { name: 'AUTHENTICATE', lines: (s) => ['a AUTHENTICATE PLAIN', plain(s)] },
  { name: 'AUTHENTICATE at once', lines: (s) => [`a AUTHENTICATE PLAIN ${plain(s)}`] },
  { name: 'AUTHENTICATE, not base64', lines: (s) => [`a AUTHENTICATE PLAIN ${s}!`, 'a AUTHENTICATE PLAIN', `!${s}`] },
  { name: 'AUTHENTICATE, no NULs', lines: (s) => [`a AUTHENTICATE PLAIN ${b64(s)}`] },
  { name: 'AUTHENTICATE, LOGIN', lines: (s) => ['a AUTHENTICATE LOGIN', b64('alice@a.test'), b64(s)] },
  { name: 'AUTHENTICATE, no mechanism', lines: (s) => [`a AUTHENTICATE ${s}`, `a AUTHENTICATE X ${s}`] },
  { name: 'AUTHENTICATE, SCRAM', lines: (s) => [`a AUTHENTICATE SCRAM-SHA-256 ${b64(`n,,n=${s},r=${s}`)}`] },
  { name: 'ID', lines: (s) => [`a ID ("name" "x" "password" "${s}")`] },
  { name: 'a line without end', lines: (s) => [`a LOGIN alice@a.test ${'x'.repeat(70_000)}${s}`] },
];

export const POP3: readonly Talk[] = [
  { name: 'PASS', lines: (s) => ['USER alice@a.test', `PASS ${s}`] },
  { name: 'PASS first', lines: (s) => [`PASS ${s}`] },
  { name: 'PASS, odd', lines: (s) => ['USER alice@a.test', `PASS ${s} ${s}\xff`, `PASS${s}`, `PAS ${s}`] },
  { name: 'USER', lines: (s) => [`USER ${s}`, `PASS ${s}`] },
  { name: 'APOP', lines: (s) => [`APOP alice@a.test ${s}`] },
  { name: 'AUTH', lines: (s) => ['AUTH PLAIN', plain(s)] },
  { name: 'AUTH at once', lines: (s) => [`AUTH PLAIN ${plain(s)}`, `AUTH PLAIN ${s}!`, `AUTH ${s}`] },
];

export const SMTP: readonly Talk[] = [
  { name: 'AUTH PLAIN at once', lines: (s) => ['EHLO x.test', `AUTH PLAIN ${plain(s)}`] },
  { name: 'AUTH PLAIN', lines: (s) => ['EHLO x.test', 'AUTH PLAIN', plain(s)] },
  { name: 'AUTH LOGIN', lines: (s) => ['EHLO x.test', 'AUTH LOGIN', b64('alice@a.test'), b64(s)] },
  { name: 'AUTH LOGIN at once', lines: (s) => ['EHLO x.test', `AUTH LOGIN ${b64('alice@a.test')}`, b64(s)] },
  { name: 'AUTH LOGIN, in the clear', lines: (s) => ['EHLO x.test', 'AUTH LOGIN', 'alice@a.test', s, s] },
  { name: 'AUTH, not base64', lines: (s) => ['EHLO x.test', `AUTH PLAIN ${s}!`, 'AUTH PLAIN', `${s}!`] },
  { name: 'AUTH, no mechanism', lines: (s) => ['EHLO x.test', `AUTH ${s}`, `AUTH X ${s}`, `AUTH PLAIN ${s} ${s}`] },
  { name: 'AUTH before EHLO', lines: (s) => [`AUTH PLAIN ${plain(s)}`, plain(s)] },
  { name: 'no command', lines: (s) => ['EHLO x.test', s, plain(s), `PASS ${s}`] },
  { name: 'MAIL AUTH=', lines: (s) => ['EHLO x.test', `MAIL FROM:<x@y.test> AUTH=${s}`] },
];

/** Says it line by line, each when something has come or a moment has passed, and waits for the end. */
export async function say(port: number, host: string, lines: readonly string[]): Promise<string> {
  const socket = createConnection({ port, host });
  let heard = '';
  let wake: () => void = () => undefined;
  socket.on('error', () => undefined);
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
    wake();
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const moment = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    const timer = setTimeout(resolve, 300);
    await Promise.race([promise, closed]);
    clearTimeout(timer);
  };
  await moment();
  for (const line of lines) {
    socket.write(Buffer.from(`${line}\r\n`, 'latin1'));
    await moment();
  }
  socket.end();
  const timer = setTimeout(() => socket.destroy(), 3_000);
  await closed;
  clearTimeout(timer);
  return heard;
}
