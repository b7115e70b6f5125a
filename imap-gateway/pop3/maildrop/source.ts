import type { MailStore } from '#store/store.ts';
import type { Access } from '#store/types.ts';

/** Where a maildrop comes from. */
export interface MaildropSource {
  readonly store: MailStore;
  readonly access: Access;
}
