/** What UIDs and UIDVALIDITY that come from elsewhere may be: the same for every backend. */
import { MailError } from '#mail/failure.ts';
import { MAX_UID } from './uid-set.ts';

/** @param earlier the greatest that the name had; 0 for none. */
export function checkValidity(validity: number, earlier: number): void {
  if (!Number.isInteger(validity) || validity < 1 || validity > MAX_UID) {
    throw new MailError('bad-request', 'not a UIDVALIDITY');
  }
  if (validity <= earlier) throw new MailError('conflict', 'the name had that UIDVALIDITY, or a greater one');
}

/** One beyond the last UID means that none is left. */
export function checkUidNext(uidNext: number): void {
  if (!Number.isInteger(uidNext) || uidNext < 1 || uidNext > MAX_UID + 1) {
    throw new MailError('bad-request', 'not a UIDNEXT');
  }
}
