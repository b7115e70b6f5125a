/** Preconditions of `put-record`: the same for every backend. */
import { MailError } from '#mail/failure.ts';
import { isId } from './ids.ts';
import { type Mutation, RECORD_LIMIT } from './mutation.ts';
import type { ModSeq } from './types.ts';

export function checkRecord(
  mutation: Extract<Mutation, { type: 'put-record' }>,
  before: { readonly modseq: ModSeq } | undefined,
): void {
  const { kind, id, value, ifAbsent, ifModseq } = mutation;
  if (!isId(kind) || !isId(id)) throw new MailError('bad-request', 'not the id of a record');
  if (Buffer.byteLength(value) > RECORD_LIMIT) throw new MailError('too-large', 'the record is too large');
  if (ifAbsent && before !== undefined) throw new MailError('exists', 'there is such a record');
  if (ifModseq !== undefined && before?.modseq !== ifModseq) throw new MailError('conflict', 'the record has changed');
}
