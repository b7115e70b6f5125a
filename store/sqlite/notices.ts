/**
 * Notices on their way from the writer's thread to those who watch, and answers to deliveries on theirs: flat JSON, which is written and read in a third of the time
 * that structured clone takes. What is between the two only hands the text of notices on.
 */
import type { ChangeType, Notice, NoticeBatch } from '../change.ts';
import type { JobAnswer } from './group.ts';

/** Flat arrays with commas between, without the brackets around all of them: such texts can be joined. `''` for none. */
export type NoticeText = string;

type FlatNotice = readonly [account: string, modseq: number, ...types: ChangeType[]];

export function packNotices(notices: readonly Notice[]): NoticeText {
  const flat: FlatNotice[] = notices.map(({ account, modseq, types }) => [account, modseq, ...types]);
  return JSON.stringify(flat).slice(1, -1);
}

export const joinNotices = (texts: readonly NoticeText[]): NoticeText => texts.filter((text) => text !== '').join(',');

/** A `NoticeBatch` that nobody has read yet. */
export type PackedBatch = Omit<NoticeBatch, 'notices'> & { readonly notices: NoticeText };

export function unpackBatch({ cursor, notices, rescan }: PackedBatch): NoticeBatch {
  const flat = JSON.parse(`[${notices}]`) as FlatNotice[];
  return { cursor, notices: flat.map(([account, modseq, ...types]) => ({ account, modseq, types })), rescan };
}

export async function* unpackBatches(batches: AsyncIterable<PackedBatch>): AsyncGenerator<NoticeBatch> {
  for await (const batch of batches) yield unpackBatch(batch);
}

/** Of a commit that added one message and nothing else. */
type FlatAnswer = readonly [
  modseq: number,
  repeated: 0 | 1,
  uidValidity: number,
  uid: number,
  message: string,
  thread: string,
];

export function packAnswers(answers: readonly JobAnswer[]): string {
  return JSON.stringify(answers.map((answer) => flatAnswer(answer) ?? answer));
}

function flatAnswer(answer: JobAnswer): FlatAnswer | undefined {
  if (answer === null || 'error' in answer || !answer.ok || answer.results.length !== 1) return undefined;
  const [result] = answer.results;
  if (result?.type !== 'add-message') return undefined;
  const { uidValidity, uid, message, thread } = result;
  return [answer.modseq, answer.repeated ? 1 : 0, uidValidity, uid, message, thread];
}

export function unpackAnswers(text: string): readonly JobAnswer[] {
  return (JSON.parse(text) as (FlatAnswer | JobAnswer)[]).map((answer) =>
    isFlat(answer) ? wholeAnswer(answer) : answer,
  );
}

const isFlat = (answer: FlatAnswer | JobAnswer): answer is FlatAnswer => Array.isArray(answer);

function wholeAnswer([modseq, repeated, uidValidity, uid, message, thread]: FlatAnswer): JobAnswer {
  const results = [{ type: 'add-message', uidValidity, uid, message, thread }] as const;
  return { ok: true, modseq, repeated: repeated === 1, results };
}
