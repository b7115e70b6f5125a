/** What our own Authentication-Results say of a message (RFC 8601). Those of others are theirs: anybody can write them. */
import { splitFields, unfold } from '#mail/header/fields.ts';

export interface AuthenticationResult {
  readonly method: string;
  readonly result: string;
  /** `header.d` → `alpha.test` */
  readonly properties: Readonly<Record<string, string>>;
}

const MOST = 50;

/** @param header the raw header section. @param id our authserv-id; fields with it that came from outside were taken out when they came (RFC 8601 §5): ask of delivered mail only. */
export function authenticationResults(header: Uint8Array, id: string): AuthenticationResult[] {
  const text = Buffer.from(header.buffer, header.byteOffset, header.byteLength).toString('latin1');
  return splitFields(text)
    .filter(({ name }) => name.toLowerCase() === 'authentication-results')
    .flatMap(({ value }) => resultsOf(unfold(value), id))
    .slice(0, MOST);
}

function resultsOf(value: string, id: string): AuthenticationResult[] {
  const [first = '', ...statements] = split(value);
  const [server = '', version] = first.trim().split(/[ \t]+/);
  if (server.toLowerCase() !== id.toLowerCase() || (version !== undefined && version !== '1')) return [];
  return statements.flatMap((statement) => {
    const pairs = Array.from(
      // A name is looked for at its beginning alone: imported messages have any text here.
      statement.matchAll(/(?<![\w./-])([\w.-]+(?:\/\d+)?)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s";]+)/g),
      ([, name, text]) =>
        [name!.toLowerCase(), text!.startsWith('"') ? text!.slice(1, -1).replace(/\\(.)/g, '$1') : text!] as const,
    );
    const [method, ...properties] = pairs;
    if (method === undefined) return [];
    return [{ method: method[0], result: method[1].toLowerCase(), properties: Object.fromEntries(properties) }];
  });
}

/** At semicolons, without comments; strings stay whole. One pass. */
function split(value: string): string[] {
  const parts: string[] = [];
  let [part, depth, quoted] = ['', 0, false];
  for (let i = 0; i < value.length; i++) {
    const char = value[i]!;
    const escaped = char === '\\' && (quoted || depth > 0) ? (value[++i] ?? '') : undefined;
    if (char === '"' && depth === 0) quoted = !quoted;
    else if (char === '(' && !quoted) depth++;
    if (depth === 0 && char === ';' && !quoted) {
      parts.push(part);
      part = '';
    } else if (depth === 0) part += char + (escaped ?? '');
    if (char === ')' && !quoted && depth > 0) depth--;
  }
  return [...parts, part];
}
