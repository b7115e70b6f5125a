/**
 * A commit that adds one message, as a flat JSON array: names would be read again with each message, and this is what the writer's thread does most.
 * The blobs behind it: prefix, columns, and the body if it came along.
 */
import type { Commit } from '../mutation.ts';
import type { PackedMessage } from './pack.ts';
import type { PackedMutation, PackedOf } from './work.ts';

type AddMessage = PackedOf<'add-message'>;

/** What the array says, in this order. */
type Fields = [
  owner: string,
  actor: string,
  id: string,
  mailbox: string,
  flags: readonly string[],
  message: string,
  time: number,
  zone: number,
  headerLength: number,
  threadKeys: readonly string[],
  growth: number,
  body: string,
  length: number,
  crc: number,
  codec: AddMessage['message']['body']['codec'],
  key: AddMessage['message']['body']['key'],
  prefixOctets: number,
  columnsOctets: number,
  /** -1: the body was staged. */
  bodyOctets: number,
];

const FIELDS = 19;

type Delivery = Omit<Commit, 'mutations'> & { readonly mutations: readonly PackedMutation[] };

/** The message of a commit that does nothing else, as a delivery does. */
export function onlyMessage({ mutations }: Delivery): AddMessage | undefined {
  const [first] = mutations;
  return mutations.length === 1 && first?.type === 'add-message' && first.as === undefined ? first : undefined;
}

export function deliveryText({ owner, actor, id }: Delivery, only: AddMessage, blobs: Uint8Array[]): string {
  const { mailbox, flags, message } = only;
  const { body, prefix, columns, internalDate, headerLength, threadKeys, growth } = message;
  blobs.push(prefix, columns);
  if ('data' in body) blobs.push(body.data);
  const fields: Fields = [
    owner,
    actor,
    id,
    mailbox,
    flags,
    message.id,
    internalDate.time,
    internalDate.zone,
    headerLength,
    threadKeys,
    growth,
    body.id,
    body.length,
    body.crc,
    body.codec,
    body.key,
    prefix.length,
    columns.length,
    'data' in body ? body.data.length : -1,
  ];
  return JSON.stringify(fields);
}

/** @param whole in which the blobs begin at `at`. Throws for an array that is no delivery. */
export function readDelivery(parsed: readonly unknown[], whole: Buffer, at: number): Delivery {
  if (parsed.length !== FIELDS) throw new Error('not a delivery');
  const [owner, actor, id, mailbox, flags, message, time, zone, headerLength, threadKeys, ...rest] = parsed as Fields;
  const [growth, bodyId, length, crc, codec, key, prefixOctets, columnsOctets, bodyOctets] = rest;
  const columnsAt = at + prefixOctets;
  const dataAt = columnsAt + columnsOctets;
  const place = { id: bodyId, length, crc, codec, key };
  const packed: PackedMessage = {
    id: message,
    body: bodyOctets < 0 ? place : { ...place, data: whole.subarray(dataAt, dataAt + bodyOctets) },
    prefix: whole.subarray(at, columnsAt),
    internalDate: { time, zone },
    headerLength,
    threadKeys,
    columns: whole.subarray(columnsAt, dataAt),
    growth,
  };
  return { owner, actor, id, mutations: [{ type: 'add-message', mailbox, message: packed, flags }] };
}
