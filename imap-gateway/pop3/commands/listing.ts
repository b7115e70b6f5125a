/** A line for each message, however many there are: pages of text, and a slow reader is waited for. */
import type { CommandContext } from '../command.ts';
import type { Line } from '../maildrop/maildrop.ts';
import { type Reply, WRITTEN } from '../response/reply.ts';

const LINES_A_PAGE = 1_000;

/** What fails before there is a first line becomes a refusal. */
export async function writeListing(
  { out }: CommandContext,
  title: string,
  lines: Iterable<Line<string | number>>,
): Promise<Reply> {
  let page = `+OK ${title}\r\n`;
  let count = 0;
  for (const [number, what] of lines) {
    page += `${number} ${what}\r\n`;
    if (++count % LINES_A_PAGE > 0) continue;
    out.write(page);
    page = '';
    await out.ready();
  }
  out.write(`${page}.\r\n`);
  return WRITTEN;
}
