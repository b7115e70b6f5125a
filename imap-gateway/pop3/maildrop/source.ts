import type { Clock, Log, Random } from '#runtime/ambient.ts';
import type { MailStore } from '#store/store.ts';
import type { Access } from '#store/types.ts';

/** Where a maildrop comes from. */
export interface MaildropSource {
  readonly store: MailStore;
  readonly access: Access;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}
