/** A message as RETR and TOP send it: from the row that was read where it is small, else in pieces from the store, as fast as the client takes them. */
import { isAscii } from 'node:buffer';
import type { MessageRow } from '#store/store.ts';
import { BrokenAnswer, type CommandContext } from '../command.ts';
import type { Maildrop } from '../maildrop/maildrop.ts';
import { FirstLines } from '../response/first-lines.ts';
import { MultiLine } from '../response/multi-line.ts';
import { surrogateHeader } from '../response/surrogate.ts';

/** Header and first body octets of a message, and what is still to be read. */
interface Opened {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  readonly rest: AsyncIterator<Uint8Array> | undefined;
}

/** @param lines of the body; all of it when absent. What fails before the first line is written becomes a refusal. */
export function writeMessage(
  context: CommandContext,
  maildrop: Maildrop,
  row: MessageRow,
  title: string,
  lines?: number,
): undefined | Promise<void> {
  const whole = lines === 0 ? headerOf(row) : row.content;
  if (whole === undefined || (lines !== undefined && lines > 0)) {
    return writePieces(context, maildrop, row, title, lines);
  }
  const { out, session } = context;
  out.write(`+OK ${title}\r\n`);
  const answer = new MultiLine((bytes) => out.write(bytes));
  if (session.utf8 || isAscii(whole)) {
    if (row.plainLines === true) answer.pushPlain(whole);
    else answer.push(whole);
  } else {
    const end = endOfHeader(whole);
    answer.push(surrogateHeader(whole.subarray(0, end)));
    answer.push(whole.subarray(end));
  }
  answer.end();
  return undefined;
}

const headerOf = ({ content, rawHeader }: MessageRow): Uint8Array | undefined =>
  content === undefined ? rawHeader : content.subarray(0, endOfHeader(content));

async function writePieces(
  context: CommandContext,
  maildrop: Maildrop,
  row: MessageRow,
  title: string,
  lines?: number,
): Promise<void> {
  const { out, session } = context;
  const { header, body, rest } = await openMessage(maildrop, row, lines === 0);
  out.write(`+OK ${title}\r\n`);
  const answer = new MultiLine((bytes) => out.write(bytes));
  answer.push(session.utf8 ? header : surrogateHeader(header));
  const first = lines === undefined ? undefined : new FirstLines(lines);
  try {
    for (let piece: Uint8Array | undefined = body; piece !== undefined; ) {
      answer.push(first === undefined ? piece : first.take(piece));
      await out.ready();
      if (rest === undefined || first?.done === true) break;
      const next = await rest.next();
      piece = next.done === true ? undefined : next.value;
    }
    await rest?.return?.();
  } catch (error) {
    throw new BrokenAnswer(error);
  }
  answer.end();
}

async function openMessage(maildrop: Maildrop, row: MessageRow, headerOnly: boolean): Promise<Opened> {
  const { content, rawHeader = new Uint8Array(0) } = row;
  if (content !== undefined) {
    const end = endOfHeader(content);
    return { header: content.subarray(0, end), body: content.subarray(end), rest: undefined };
  }
  if (headerOnly || rawHeader.length >= row.size)
    return { header: rawHeader, body: new Uint8Array(0), rest: undefined };
  const rest = (await maildrop.content(row, rawHeader.length))[Symbol.asyncIterator]();
  const first = await rest.next();
  return { header: rawHeader, body: first.done === true ? new Uint8Array(0) : first.value, rest };
}

const EMPTY_LINE = '\r\n\r\n';

/** Behind the empty line, or the end of all where there is none. */
function endOfHeader(content: Uint8Array): number {
  const buffer = Buffer.from(content.buffer, content.byteOffset, content.length);
  if (buffer[0] === 0x0d && buffer[1] === 0x0a) return 2;
  const at = buffer.indexOf(EMPTY_LINE, 0, 'latin1');
  return at < 0 ? buffer.length : at + EMPTY_LINE.length;
}
