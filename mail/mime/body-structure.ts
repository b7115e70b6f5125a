/** BODY and BODYSTRUCTURE (RFC 9051 §7.5.2), as binary strings. */
import type { Parameter } from '../header/parameters.ts';
import { formatEnvelope } from './envelope.ts';
import { imapString, nilOrString } from './imap-string.ts';
import type { ContentFields, Part } from './part.ts';

/** The same part twice, made in one go since most of both is alike. */
export interface BodyForms {
  /** BODY. */
  readonly basic: string;
  /** BODYSTRUCTURE, with every extension field: some clients show attachments as garbage when one is left out. */
  readonly extended: string;
}

/** Depth is bounded by the indexer's limit, so recursion is safe. */
export function formatBody(part: Part): BodyForms {
  return part.kind === 'multipart' ? multipart(part) : single(part);
}

function multipart(part: Part): BodyForms {
  const { content } = part;
  const subtype = imapString(content.type.slice(content.type.indexOf('/') + 1));
  const children = part.children.map(formatBody);
  const basic = children.map((child) => child.basic).join('');
  const extended = children.map((child) => child.extended).join('');
  return {
    basic: `(${basic} ${subtype})`,
    extended: `(${extended} ${subtype} ${parameterList(content.parameters)} ${trailer(content)})`,
  };
}

function single(part: Part): BodyForms {
  const { content } = part;
  const slash = content.type.indexOf('/');
  const octets = part.bodyEnd - part.bodyStart; // as the body is encoded
  const type = `${imapString(content.type.slice(0, slash))} ${imapString(content.type.slice(slash + 1))}`;
  const fields = `${nilOrString(content.id)} ${nilOrString(content.description)} ${imapString(content.encoding)} ${octets}`;
  const start = `(${type} ${parameterList(content.parameters)} ${fields}`;
  const end = ` ${nilOrString(content.md5)} ${trailer(content)})`;
  const embedded = part.kind === 'message' ? part.children[0] : undefined;
  if (embedded?.message !== undefined) {
    const envelope = formatEnvelope(embedded.message);
    const { basic, extended } = formatBody(embedded);
    return {
      basic: `${start} ${envelope} ${basic} ${part.lines})`,
      extended: `${start} ${envelope} ${extended} ${part.lines}${end}`,
    };
  }
  const counted = part.kind === 'message' || content.type.startsWith('text/') ? `${start} ${part.lines}` : start;
  return { basic: `${counted})`, extended: counted + end };
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
