/** Converts a message that is in memory, and checks what must hold of every conversion. */
import assert from 'node:assert/strict';
import { decodeTransfer, decodingOf } from '../decode.ts';
import { indexMessage } from '../indexer.ts';
import type { MessageIndex, PartNode } from '../message-index.ts';
import { Converter } from './converter.ts';
import { type Aim, type ConversionPlan, planConversion } from './plan.ts';

/** @param cut octets of the pieces in which the message passes. */
export function convertWhole(
  message: Uint8Array,
  aim: Aim,
  cut = Math.max(1, message.length),
): { plan: ConversionPlan; bytes: Buffer } {
  const planning = planConversion(indexMessage(message), aim);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += cut) pieces.push(message.subarray(at, at + cut));
  for (const piece of pieces) planning.push(piece);
  const plan = planning.finish();
  if (plan.kind === 'impossible') return { plan, bytes: Buffer.alloc(0) };
  const converter = new Converter(plan.steps);
  return { plan, bytes: Buffer.concat(pieces.map((piece) => converter.push(piece))) };
}

/** What a reader gets: types and decoded contents, in their tree. */
export function contentsOf(message: Uint8Array, node: PartNode = indexMessage(message).root): unknown {
  const { type, charset, filename, disposition } = node;
  const about = [type, charset, filename, disposition];
  if (node.children.length > 0) return [about, node.children.map((child) => contentsOf(message, child))];
  const body = message.subarray(node.bodyStart, node.bodyEnd);
  const decoding = decodingOf(node.encoding);
  return [about, Buffer.from(decoding === undefined ? body : decodeTransfer(body, decoding)).toString('latin1')];
}

/** Throws where the conversion lost something, or left something that the aim does not allow. Answers what came of it. */
export function checkConversion(message: Uint8Array, aim: Aim, cut?: number): ConversionPlan {
  const { plan, bytes } = convertWhole(message, aim, cut);
  if (plan.kind === 'impossible') return plan;
  const text = bytes.toString('latin1');
  assert.doesNotMatch(text, /\0|\r(?!\n)|(?<!\r)\n/, 'what only binary may hold is left');
  if (aim.domain === '7bit') assert.doesNotMatch(text, /[\x80-\xff]/, '8-bit octets are left');
  if (aim.lines) assert.doesNotMatch(text, /[^\n]{999}\r\n/, 'a long line is left');
  const before: MessageIndex = indexMessage(message);
  const after: MessageIndex = indexMessage(bytes);
  assert.deepEqual(contentsOf(bytes, after.root), contentsOf(message, before.root));
  assert.equal(Buffer.from(after.envelope).toString('latin1'), Buffer.from(before.envelope).toString('latin1'));
  const again = convertWhole(bytes, aim).plan;
  assert.deepEqual(again, { kind: 'possible', steps: [] }, 'a converted message fits');
  return plan;
}
