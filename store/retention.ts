/** How long what nobody sees any more is kept (STORE.md §3, §5). Milliseconds. */
export interface Retention {
  /** Content of expunged messages. */
  readonly expunged: number;
  /** Tombstones and the change log. */
  readonly tombstones: number;
  readonly commitIds: number;
  /** Bodies that were staged and that no commit named. */
  readonly staged: number;
}

const DAY = 86_400_000;

export const DEFAULT_RETENTION: Retention = {
  expunged: 7 * DAY,
  tombstones: 90 * DAY,
  commitIds: 30 * DAY,
  staged: DAY,
};
