/** A strict reader of ENVELOPE and BODYSTRUCTURE (RFC 9051 §9) that holds what the formatters say against the part tree. For tests. */
import assert from 'node:assert/strict';
import type { MessageIndex, PartNode } from './message-index.ts';

export type Value = string | null | number | readonly Value[];

/** Reads one parenthesised value; NIL is null, numbers are numbers, strings and literals are binary strings. */
export function readResponse(bytes: Uint8Array): Value {
  const text = Buffer.from(bytes).toString('latin1');
  let at = 0;
  const read = (): Value => {
    const rest = text.slice(at, at + 40);
    if (text[at] === '(') {
      at += 1;
      const list: Value[] = [];
      while (text[at] !== ')') {
        if (list.length > 0 && text[at] === ' ') at += 1;
        // Only bodies of a multipart and addresses of a list follow one another without a space.
        else if (list.length > 0) assert.equal(text[at], '(', text.slice(at - 20, at + 20));
        list.push(read());
      }
      at += 1;
      return list;
    }
    if (text[at] === '"') {
      const match = /^"((?:[^"\\\r\n\0\x80-\xff]|\\["\\])*)"/.exec(text.slice(at));
      assert.ok(match, rest);
      at += match[0].length;
      return (match[1] ?? '').replace(/\\(["\\])/g, '$1');
    }
    const literal = /^\{(\d+)\}\r\n/.exec(rest);
    if (literal !== null) {
      at += literal[0].length + Number(literal[1]);
      return text.slice(at - Number(literal[1]), at);
    }
    const word = /^(?:NIL|\d+)/.exec(rest)?.[0];
    assert.ok(word !== undefined, rest);
    at += word.length;
    return word === 'NIL' ? null : Number(word);
  };
  const value = read();
  assert.equal(at, text.length);
  return value;
}

export function checkGrammar(index: MessageIndex, name: string): void {
  checkEnvelope(readResponse(index.envelope), name);
  checkBody(readResponse(index.body), index.root, false, name);
  checkBody(readResponse(index.bodystructure), index.root, true, name);
}

const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value);
const isText = (value: Value | undefined): boolean => typeof value === 'string';
const isNilOrText = (value: Value | undefined): boolean => value === null || typeof value === 'string';

function checkEnvelope(value: Value | undefined, name: string): void {
  assert.ok(isList(value) && value.length === 10, name);
  for (const i of [0, 1, 8, 9]) assert.ok(isNilOrText(value[i]), name);
  for (const list of value.slice(2, 8)) {
    if (list === null) continue;
    assert.ok(isList(list) && list.length > 0, name);
    for (const address of list) assert.ok(isList(address) && address.length === 4 && address.every(isNilOrText), name);
  }
}

function checkBody(value: Value | undefined, node: PartNode, extended: boolean, name: string): void {
  assert.ok(isList(value), name);
  if (node.type.startsWith('multipart/')) {
    const parts = value.slice(0, node.children.length);
    assert.ok(node.children.length > 0, name);
    for (const [i, part] of parts.entries()) checkBody(part, node.children[i] as PartNode, extended, name);
    const rest = value.slice(parts.length);
    assert.equal(`multipart/${String(rest[0])}`, node.type, name);
    assert.equal(rest.length, extended ? 5 : 1, name);
    if (extended) {
      checkParameters(rest[1], name);
      checkTrailer(rest.slice(2), name);
    }
    return;
  }
  assert.equal(`${String(value[0])}/${String(value[1])}`, node.type, name);
  checkParameters(value[2], name);
  assert.ok(isNilOrText(value[3]) && isNilOrText(value[4]) && isText(value[5]), name);
  assert.equal(value[6], node.bodyEnd - node.bodyStart, name);
  let next = 7;
  if (node.type === 'message/rfc822' || node.type === 'message/global') {
    checkEnvelope(value[7], name);
    checkBody(value[8], node.children[0] as PartNode, extended, name);
    next = 9;
  }
  if (next === 9 || node.type.startsWith('text/')) assert.equal(value[next++], node.lines, name);
  assert.equal(value.length, next + (extended ? 4 : 0), name);
  if (!extended) return;
  assert.ok(isNilOrText(value[next]), name);
  checkTrailer(value.slice(next + 1), name);
}

function checkParameters(value: Value | undefined, name: string): void {
  if (value === null) return;
  assert.ok(isList(value) && value.length > 0 && value.length % 2 === 0 && value.every(isText), name);
}

function checkTrailer([disposition, language, location]: readonly Value[], name: string): void {
  if (disposition !== null) {
    assert.ok(isList(disposition) && disposition.length === 2 && isText(disposition[0]), name);
    checkParameters(disposition[1], name);
  }
  assert.ok(isNilOrText(language) || (isList(language) && language.every(isText)), name);
  assert.ok(isNilOrText(location), name);
}
