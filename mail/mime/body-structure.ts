/** BODY and BODYSTRUCTURE (RFC 9051 §7.5.2), as binary strings. */
import type { Parameter } from '../header/parameters.ts';
import { formatEnvelope } from './envelope.ts';
import { imapString, nilOrString } from './imap-string.ts';
import type { ContentFields, Part } from './part.ts';

/**
 * @param extended with every extension field (BODYSTRUCTURE): some clients show attachments as garbage when one is left out.
 * Depth is bounded by the indexer's limit, so recursion is safe.
 */
export function formatBody(part: Part, extended: boolean): string {
  return part.kind === 'multipart' ? multipart(part, extended) : single(part, extended);
}

function multipart(part: Part, extended: boolean): string {
  const { content } = part;
  const subtype = content.type.slice(content.type.indexOf('/') + 1);
  const children = part.children.map((child) => formatBody(child, extended)).join('');
  const extension = extended ? ` ${parameterList(content.parameters)} ${trailer(content)}` : '';
  return `(${children} ${imapString(subtype)}${extension})`;
}

function single(part: Part, extended: boolean): string {
  const { content } = part;
  const slash = content.type.indexOf('/');
  const fields = [
    imapString(content.type.slice(0, slash)),
    imapString(content.type.slice(slash + 1)),
    parameterList(content.parameters),
    nilOrString(content.id),
    nilOrString(content.description),
    imapString(content.encoding),
    // Octets of the body as it is encoded.
    String(part.bodyEnd - part.bodyStart),
  ];
  if (part.kind === 'message') {
    const embedded = part.children[0];
    if (embedded?.message !== undefined) fields.push(formatEnvelope(embedded.message), formatBody(embedded, extended));
    fields.push(String(part.lines));
  } else if (content.type.startsWith('text/')) fields.push(String(part.lines));
  if (extended) fields.push(nilOrString(content.md5), trailer(content));
  return `(${fields.join(' ')})`;
}

/** body-fld-dsp, body-fld-lang, body-fld-loc. */
function trailer(content: ContentFields): string {
  const { disposition, languages, location } = content;
  const dsp =
    disposition === undefined ? 'NIL' : `(${imapString(disposition.value)} ${parameterList(disposition.parameters)})`;
  return `${dsp} ${languageList(languages)} ${nilOrString(location)}`;
}

function languageList(languages: readonly string[] | undefined): string {
  if (languages === undefined) return 'NIL';
  return languages.length === 1 ? imapString(languages[0] ?? '') : `(${languages.map(imapString).join(' ')})`;
}

/** RFC 2231 §6: continuations are joined; a value with charset and percent signs keeps its form and the star of its name. */
function parameterList(parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return 'NIL';
  const pairs = parameters.map((p) => `${imapString(p.extended ? `${p.name}*` : p.name)} ${imapString(p.raw)}`);
  return `(${pairs.join(' ')})`;
}
