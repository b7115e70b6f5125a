/** Commits on behalf of a client, who mustn't be told NO of what was done. */
import { MailError } from '#mail/failure.ts';
import type { Clock } from '#runtime/ambient.ts';
import type { Commit, CommitAnswer } from '#store/mutation.ts';
import type { MailStore } from '#store/store.ts';

/** How long a commit whose outcome is unknown is asked for again. */
const PATIENCE_MS = 20_000;
const TRIES = 8;

/** The same id again gets the first answer: what was done once must not be answered with NO, or the client does it twice. */
export async function commitPatiently(
  { store, clock }: { readonly store: Pick<MailStore, 'commit'>; readonly clock: Clock },
  request: Commit,
): Promise<CommitAnswer> {
  const until = clock.now() + PATIENCE_MS;
  for (let tries = 1; ; tries++) {
    try {
      return await store.commit(request);
    } catch (error) {
      const unknown = error instanceof MailError && error.failure === 'unavailable';
      if (!unknown || tries === TRIES || clock.now() >= until) throw error;
    }
  }
}
