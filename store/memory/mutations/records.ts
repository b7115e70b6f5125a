/** `put-record`, `remove-record`. */
import { MailError } from '#mail/failure.ts';
import type { Mutation, MutationResult } from '../../mutation.ts';
import { checkRecord } from '../../record-rules.ts';
import type { Work } from '../transaction.ts';

type Of<T extends Mutation['type']> = Extract<Mutation, { type: T }>;

export function putRecord(work: Work, mutation: Of<'put-record'>): MutationResult {
  const { account, tx, modseq, now } = work;
  const { kind, id, value, expiresAt } = mutation;
  const key = recordKey(kind, id);
  const there = account.records.get(key);
  const before = there?.expiresAt !== undefined && there.expiresAt <= now ? undefined : there;
  checkRecord(mutation, before);
  if (before === undefined) tx.remove(account.records, key);
  const record = { kind, id, created: before?.created ?? modseq, modseq, value };
  tx.set(account.records, key, expiresAt === undefined ? record : { ...record, expiresAt });
  work.records.push({
    modseq,
    type: 'record',
    name: kind,
    record: id,
    act: before === undefined ? 'create' : 'change',
  });
  return { type: 'put-record' };
}

export function removeRecord(work: Work, mutation: Of<'remove-record'>): MutationResult {
  const { account, tx, modseq } = work;
  const { kind, id, ifModseq } = mutation;
  const key = recordKey(kind, id);
  const before = account.records.get(key);
  if (ifModseq !== undefined && before?.modseq !== ifModseq) throw new MailError('conflict', 'the record has changed');
  if (before !== undefined) {
    tx.remove(account.records, key);
    work.records.push({ modseq, type: 'record', name: kind, record: id, act: 'remove' });
  }
  return { type: 'remove-record' };
}

export const recordKey = (kind: string, id: string): string => `${kind}/${id}`;
