/** Replies and forwards: subject, recipients, references, and the words of the other message below one's own. Pure. */
import { formatDate } from '#mail/header/date.ts';
import type { IndexedAddress, IndexedHeaders } from '#mail/mime/message-index.ts';
import type { Correspondent } from './correspondents.ts';
import { readAddress } from './correspondents.ts';

/** What is needed of the message that is answered or forwarded. */
export interface Original {
  readonly headers: IndexedHeaders;
  /** Its text; that of its HTML where it has none. */
  readonly text: string;
  /** Its HTML as it came, where it has any. */
  readonly html: string | undefined;
}

export const replySubject = (subject: string): string => (/^re:/i.test(subject) ? subject : `Re: ${subject}`.trimEnd());
export const forwardSubject = (subject: string): string =>
  /^fwd?:/i.test(subject) ? subject : `Fwd: ${subject}`.trimEnd();

/** RFC 5322 §3.6.2: replies go to Reply-To where it is given. */
export function replyRecipients({ replyTo, from }: IndexedHeaders): Correspondent[] {
  return (replyTo.length > 0 ? replyTo : from).flatMap(({ name, address }) => {
    const found = readAddress(address);
    return found === undefined || found.domain === '' ? [] : [{ name, address: found }];
  });
}

/** RFC 5322 §3.6.4; so many that the field stays within reason: the first one and the latest. */
const REFERENCES = 50;

export function referencesTo({ messageId, references, inReplyTo }: IndexedHeaders): string[] {
  const before = references.length > 0 ? references : inReplyTo.length === 1 ? inReplyTo : [];
  const all = messageId === undefined ? [...before] : [...before, messageId];
  return all.length <= REFERENCES ? all : [all[0]!, ...all.slice(1 - REFERENCES)];
}

export function quotedText(own: string, { headers, text }: Original): string {
  const lines = withoutEnd(text).split(/\r?\n/);
  // RFC 3676 §4.5: what was quoted before gets its mark right before the others.
  const quoted = lines.map((line) => (line.startsWith('>') ? `>${line}` : line === '' ? '>' : `> ${line}`));
  return `${above(own)}${attribution(headers)}\n${quoted.join('\n')}\n`;
}

export function quotedHtml(own: string, original: Original): string {
  const inner = original.html === undefined ? htmlOf(original.text) : bodyOf(original.html);
  const head = `<p>${escaped(attribution(original.headers))}</p>`;
  return inserted(own, `${head}<blockquote type="cite">${inner}</blockquote>`);
}

export function forwardedText(own: string, { headers, text }: Original): string {
  return `${above(own)}${forwardHead(headers).join('\n')}\n\n${withoutEnd(text)}\n`;
}

export function forwardedHtml(own: string, original: Original): string {
  const inner = original.html === undefined ? htmlOf(original.text) : bodyOf(original.html);
  return inserted(own, `<p>${forwardHead(original.headers).map(escaped).join('<br>')}</p><div>${inner}</div>`);
}

function attribution({ date, from }: IndexedHeaders): string {
  const who = from[0] === undefined ? 'somebody' : from[0].name || from[0].address;
  return oneLine(date === undefined ? `${who} wrote:` : `On ${formatDate(date)}, ${who} wrote:`);
}

function forwardHead({ from, to, cc, date, subject }: IndexedHeaders): string[] {
  const lines = ['---------- Forwarded message ----------', `From: ${listed(from)}`];
  if (date !== undefined) lines.push(`Date: ${formatDate(date)}`);
  lines.push(`Subject: ${subject}`);
  if (to.length > 0) lines.push(`To: ${listed(to)}`);
  if (cc.length > 0) lines.push(`Cc: ${listed(cc)}`);
  return lines.map(oneLine);
}

/** Line ends come out of encoded words: nobody adds a line to what is told of them. */
const oneLine = (text: string): string => text.replace(/[\0-\x1f\x7f\x85\u2028\u2029]+/g, ' ');

const listed = (all: readonly IndexedAddress[]): string =>
  all.map(({ name, address }) => (name === '' ? address : `${name} <${address}>`)).join(', ');

const withoutEnd = (text: string): string => text.trimEnd();
const above = (own: string): string => (own === '' ? '' : `${withoutEnd(own)}\n\n`);

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
export const htmlOf = (text: string): string => escaped(withoutEnd(text)).replace(/\r?\n/g, '<br>\n');

/** What is within the body element; all of it where there is none. Whoever shows it makes it safe, as with any message. */
function bodyOf(html: string): string {
  const start = html.search(/<body[\s>]/i);
  const from = start < 0 ? 0 : html.indexOf('>', start) + 1;
  const end = lastBodyEnd(html);
  return html.slice(from, end < from ? undefined : end);
}

/** Before the end of one's own body element. */
function inserted(own: string, more: string): string {
  const at = lastBodyEnd(own);
  return at < 0 ? `${own}\n${more}` : `${own.slice(0, at)}${more}${own.slice(at)}`;
}

function lastBodyEnd(html: string): number {
  let at = -1;
  for (const match of html.matchAll(/<\/body/gi)) at = match.index;
  return at;
}
