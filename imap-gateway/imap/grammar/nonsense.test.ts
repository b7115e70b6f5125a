import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CommandPart } from '../framer.ts';
import { parseAppendHead } from './append.ts';
import { parseCopy } from './copy.ts';
import { Cursor } from './cursor.ts';
import { parseFetch } from './fetch.ts';
import { parseList } from './mailbox-list.ts';
import { ParseError } from './parse-error.ts';
import { parseSearch } from './search.ts';
import { parseSelect } from './select.ts';
import { parseStore } from './store.ts';

const words =
  ' ,( ,), ,1,*,:,$,[,],<,>,.,",\\,+FLAGS,FLAGS,BODY[,BINARY[,HEADER.FIELDS,RETURN,OR,NOT,ALL,FROM,x,&,\u00e9,\0,INBOX';
const token = fc.constantFrom(...words.split(','), ',');
const text = fc.array(token, { maxLength: 30 }).map((tokens): CommandPart => {
  return { kind: 'text', bytes: Buffer.from(` ${tokens.join('')}`) };
});
const literal = fc
  .record({ bytes: fc.uint8Array({ maxLength: 5 }), binary: fc.boolean() })
  .map(({ bytes, binary }): CommandPart => ({ kind: 'literal', bytes: Buffer.from(bytes), binary }));
const command = fc
  .tuple(text, fc.array(fc.tuple(literal, text), { maxLength: 2 }))
  .map(([first, more]) => [first, ...more.flat()]);

const PARSERS = { parseAppendHead, parseCopy, parseFetch, parseList, parseSearch, parseSelect, parseStore };

for (const [name, parse] of Object.entries(PARSERS)) {
  test(`${name}() refuses nonsense with a position inside the command, and throws nothing else`, () => {
    fc.assert(
      fc.property(command, fc.boolean(), (parts, utf8) => {
        const size = parts.reduce((sum, part) => sum + (part.kind === 'streamed' ? part.size : part.bytes.length), 0);
        try {
          parse(new Cursor(parts, { utf8 }));
        } catch (error) {
          assert.ok(error instanceof ParseError, String(error));
          assert.ok(error.position >= 0 && error.position <= size);
        }
      }),
    );
  });
}
