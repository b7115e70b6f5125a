/** Who did what: every act of this room leaves a line, in the transaction of its change where it changes the directory. */
import type { AuditQuery } from '#store/directory.ts';
import { type AdminRooms, type Items, timestamp } from './rooms.ts';

export interface AuditItem {
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly act: string;
  readonly target: string;
  readonly detail?: object;
}

/** Newest first; `before` is the id of the last line of the page before. */
export async function listAudit(
  { directory }: Pick<AdminRooms, 'directory'>,
  query: AuditQuery,
): Promise<Items<AuditItem>> {
  const lines = await directory.audit(query);
  return { items: lines.map(({ id, at, ...line }) => ({ id, at: timestamp(at), ...line })) };
}
