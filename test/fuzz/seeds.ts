/** Where recorded inputs come from: the scripted dialogs, the corpus of messages, and recordings of real programs. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const TEST = join(import.meta.dirname, '..');

/** What the client sends in each dialog of a folder, as octets. */
export function dialogs(folder: string): Buffer[] {
  const path = join(TEST, 'dialog', folder);
  return readdirSync(path)
    .filter((name) => /\.(?:txt|dialog)$/.test(name))
    .sort()
    .map((name) => Buffer.from(clientLines(readFileSync(join(path, name), 'utf8')), 'latin1'))
    .filter((octets) => octets.length > 0);
}

/** `C: line`, `C> octets`, `repeat N C> octets`; sessions other than the first go on with the same connection here. */
function clientLines(script: string): string {
  let text = '';
  for (const line of script.split('\n')) {
    const [, times, , mark, what = ''] = /^(?:repeat (\d+) )?C(\d?)([:>]) ?(.*)$/.exec(line) ?? [];
    if (mark === undefined) continue;
    const octets = Buffer.from(octetsOf(what)).toString('latin1');
    text += octets.repeat(Math.min(200, Number(times ?? 1))) + (mark === ':' ? '\r\n' : '');
  }
  return text;
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', '0': '\0', t: '\t', '\\': '\\' };

const octetsOf = (text: string): string =>
  text.replace(/\\(?:x([0-9a-f]{2})|([rn0t\\]))/g, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (ESCAPES[letter] ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );

/** The first octets of each message of the corpus, with CRLF. */
export function corpus(most = 8_000): Buffer[] {
  const path = join(TEST, 'fixture', 'corpus');
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:eml|msg|txt)$/.test(name))
    .sort()
    .map((name) => readFileSync(join(path, name), 'latin1').replace(/\r?\n/g, '\r\n').slice(0, most))
    .map((text) => Buffer.from(text, 'latin1'));
}

/** What one side of real conversations said: `fixture/sessions/NAME.client` and `NAME.server`. */
export function sessions(protocol: string, side: 'client' | 'server'): Buffer[] {
  const path = join(TEST, 'fixture', 'sessions');
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => name.startsWith(`${protocol}-`) && name.endsWith(`.${side}`))
    .sort()
    .map((name) => readFileSync(join(path, name)));
}
