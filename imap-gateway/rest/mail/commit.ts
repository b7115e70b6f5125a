/** Changes of an account by REST. */
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { Mutation, MutationResult } from '#store/mutation.ts';
import type { Access } from '#store/types.ts';
import { commitPatiently } from '../../session/commit.ts';
import type { RestServices } from '../services.ts';

/** All or nothing. A failed precondition is thrown as `MailError`. */
export async function commit(
  services: RestServices,
  { owner, viewer }: Access,
  mutations: readonly Mutation[],
): Promise<readonly MutationResult[]> {
  const request = { owner, actor: viewer, id: newId('commit', services.random), mutations };
  const answer = await commitPatiently(services, request);
  if (!answer.ok) throw new MailError(answer.failure, answer.text);
  return answer.results;
}
