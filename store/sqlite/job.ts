/**
 * What is sent to a shard's writer, as octets that are only copied on their way: u32 length of a JSON text (little endian), the
 * text, the blobs. In the text a blob is its number, and `blobs` says how long each is. Structured clone takes five times as long.
 * A delivery, by far the most frequent job, is a JSON array instead (delivery-job.ts).
 */
import type { Commit, MutationType } from '../mutation.ts';
import { deliveryText, onlyMessage, readDelivery } from './delivery-job.ts';
import type { StagedBody } from './mutations/bodies.ts';
import { asBuffer, type PackedMessage } from './pack.ts';
import type { MovedBody } from './segments.ts';
import type { PackedMutation } from './work.ts';

/** A commit as the writer gets it: messages packed. */
export type PackedCommit = Omit<Commit, 'mutations'> & { readonly mutations: readonly PackedMutation[] };

export type Job =
  | { readonly kind: 'commit'; readonly commit: PackedCommit }
  | { readonly kind: 'register'; readonly body: StagedBody }
  /** Bodies that were copied out of a sparse segment. */
  | { readonly kind: 'move'; readonly from: string; readonly moved: readonly MovedBody[] };

export function packJob(job: Job): Uint8Array {
  const blobs: Uint8Array[] = [];
  const only = job.kind === 'commit' ? onlyMessage(job.commit) : undefined;
  const text = job.kind === 'commit' && only ? deliveryText(job.commit, only, blobs) : plainText(job, blobs);
  const textLength = Buffer.byteLength(text);
  const out = Buffer.allocUnsafe(blobs.reduce((sum, blob) => sum + blob.length, 4 + textLength));
  out.writeUInt32LE(textLength, 0);
  out.write(text, 4, 'utf8');
  let at = 4 + textLength;
  for (const blob of blobs) {
    out.set(blob, at);
    at += blob.length;
  }
  return out;
}

/** Blobs are views. Throws for what `packJob` did not make. */
export function unpackJob(bytes: Uint8Array): Job {
  const whole = asBuffer(bytes);
  let at = 4 + whole.readUInt32LE(0);
  const parsed = JSON.parse(whole.toString('utf8', 4, at));
  if (Array.isArray(parsed)) return { kind: 'commit', commit: readDelivery(parsed, whole, at) };
  const { blobs: lengths, ...job } = parsed;
  const blobs = (lengths as number[]).map((length) => {
    at += length;
    return whole.subarray(at - length, at);
  });
  if (job.kind === 'register') job.body.chunks = blobs[job.body.chunks];
  if (job.kind === 'commit') for (const mutation of job.commit.mutations) giveBlobs(mutation, blobs);
  return job;
}

function plainText(job: Job, blobs: Uint8Array[]): string {
  const plain = withoutBlobs(job, blobs);
  return JSON.stringify({ ...plain, blobs: blobs.map((blob) => blob.length) });
}

function withoutBlobs(job: Job, blobs: Uint8Array[]) {
  if (job.kind === 'commit') return packCommit(job.commit, blobs);
  return job.kind === 'register' ? packBody(job.body, blobs) : job;
}

const keep = (blobs: Uint8Array[], blob: Uint8Array): number => blobs.push(blob) - 1;

function packBody(body: StagedBody, blobs: Uint8Array[]) {
  return { kind: 'register', body: { ...body, chunks: keep(blobs, body.chunks) } };
}

function packCommit(commit: PackedCommit, blobs: Uint8Array[]) {
  const { owner, actor, id, mutations } = commit;
  return { kind: 'commit', commit: { owner, actor, id, mutations: mutations.map((one) => takeBlobs(one, blobs)) } };
}

function takeBlobs(mutation: PackedMutation, blobs: Uint8Array[]): unknown {
  if (mutation.type === 'enqueue-outbox') return { ...mutation, payload: keep(blobs, mutation.payload) };
  if (mutation.type !== 'add-message') return mutation;
  const { body, prefix, columns, ...rest } = mutation.message;
  const place = 'data' in body ? { ...body, data: keep(blobs, body.data) } : body;
  const message = { ...rest, body: place, prefix: keep(blobs, prefix), columns: keep(blobs, columns) };
  return { ...mutation, message };
}

type Numbered = Record<string, unknown> & { readonly type: MutationType };

function giveBlobs(mutation: Numbered, blobs: readonly Uint8Array[]): void {
  const restore = (holder: Record<string, unknown>, key: string): void => {
    holder[key] = blobs[holder[key] as number];
  };
  if (mutation.type === 'enqueue-outbox') restore(mutation, 'payload');
  if (mutation.type !== 'add-message') return;
  const message = mutation.message as Record<keyof PackedMessage, unknown>;
  restore(message, 'prefix');
  restore(message, 'columns');
  const body = message.body as Record<string, unknown>;
  if ('data' in body) restore(body, 'data');
}
