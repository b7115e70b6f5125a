/** XML 1.0 as it is written here: elements with text in them, everything escaped. */

/** What XML 1.0 §2.2 lets no document hold, in whatever spelling: dropped, as no address or name of ours has it. */
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

const ENTITIES: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** For text and for attributes. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(FORBIDDEN, '')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** An element with text or with elements, one a line; `undefined` and `false` among them are left out. */
export type Content = string | number | readonly (Element | undefined | false)[];
export interface Element {
  readonly name: string;
  readonly attributes?: { readonly [name: string]: string };
  readonly content: Content;
}

export function element(name: string, content: Content, attributes?: { readonly [name: string]: string }): Element {
  return { name, content, ...(attributes === undefined ? {} : { attributes }) };
}

/** A whole document in UTF-8; `doctype` is written as it is. */
export function xmlDocument(root: Element, doctype?: string): string {
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', ...(doctype === undefined ? [] : [doctype])];
  write(root, '', lines);
  return `${lines.join('\n')}\n`;
}

function write({ name, attributes = {}, content }: Element, indent: string, lines: string[]): void {
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`);
  const open = `${indent}<${name}${given.join('')}`;
  if (typeof content === 'object') {
    lines.push(`${open}>`);
    for (const child of content) if (child) write(child, `${indent}  `, lines);
    lines.push(`${indent}</${name}>`);
  } else if (content === '') lines.push(`${open}/>`);
  else lines.push(`${open}>${escapeXml(String(content))}</${name}>`);
}
