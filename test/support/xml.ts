/** A strict reader of the XML that Peerpost writes: whoever breaks out of a text by what is put into it fails here. */
import assert from 'node:assert/strict';

export interface XmlNode {
  readonly name: string;
  readonly attributes: { readonly [name: string]: string };
  readonly children: XmlNode[];
  text: string;
}

const TOKEN = /<(\/?)([A-Za-z][\w.-]*)((?: [\w:.-]+="[^"<>]*")*)(\/?)>|([^<>]+)/gy;
const ENTITIES: { readonly [name: string]: string } = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

export function readXml(document: string): XmlNode {
  assert.match(document, /^<\?xml version="1\.0" encoding="UTF-8"\?>\n/);
  assert.ok(document.isWellFormed());
  // XML 1.0 §2.2.
  assert.doesNotMatch(document, /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/);
  const body = document.slice(document.indexOf('\n') + 1).replace(/^<!DOCTYPE plist PUBLIC "[^"<>]*" "[^"<>]*">\n/, '');
  const top: XmlNode = { name: '', attributes: {}, children: [], text: '' };
  const open = [top];
  let read = 0;
  for (const [token, closing, name, attributes, alone, text] of body.matchAll(TOKEN)) {
    read += token.length;
    const parent = open.at(-1);
    assert.ok(parent !== undefined, 'nothing after the root');
    if (text !== undefined) parent.text += plain(text);
    else if (closing === '/') assert.equal(open.pop()?.name, name);
    else {
      const node = { name: name ?? '', attributes: readAttributes(attributes ?? ''), children: [], text: '' };
      parent.children.push(node);
      if (alone !== '/') open.push(node);
    }
  }
  assert.equal(read, body.length, `not XML: ${body.slice(read, read + 60)}`);
  assert.deepEqual(open, [top]);
  const [root] = top.children;
  assert.ok(root !== undefined && top.children.length === 1);
  return root;
}

/** The text of the element that a path of names leads to; undefined where there is none. */
export function textAt(root: XmlNode, ...path: readonly string[]): string | undefined {
  let node: XmlNode | undefined = root;
  for (const name of path) node = node?.children.find((child) => child.name === name);
  return node?.text;
}

function readAttributes(text: string): { [name: string]: string } {
  return Object.fromEntries(
    [...text.matchAll(/ ([\w:.-]+)="([^"]*)"/g)].map(([, name, value]) => [name, plain(value ?? '')]),
  );
}

function plain(text: string): string {
  assert.doesNotMatch(text, /&(?!(?:amp|lt|gt|quot|apos);)/);
  return text.replace(/&(\w+);/g, (_, name: string) => ENTITIES[name] ?? '');
}
