/** QUIT (RFC 1939 §6): the only way to UPDATE. All that was marked goes in one commit, or nothing does. */
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import { commitPatiently } from '../../session/commit.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { none } from '../grammar/arguments.ts';
import { refusalFor } from '../response/codes.ts';
import { ok, type Reply } from '../response/reply.ts';
import type { StateOf } from '../session.ts';

export const quit = defineCommand({
  name: 'QUIT',
  allowedIn: ['authorization', 'transaction'],
  parse: none,
  run: async (_args, context, state) => {
    const reply = state.name === 'transaction' ? await update(context, state) : ok('Until next time');
    return { ...reply, followedBy: 'close' };
  },
});

/** The lock is kept until it is done (RFC 1939 §6), and goes in any case. */
async function update(context: CommandContext, state: StateOf<'transaction'>): Promise<Reply> {
  const { maildrop, lock, login } = state;
  context.session.state = { name: 'update' };
  const { deleted, retrieved } = maildrop;
  try {
    await removeMarked(context, state);
    context.log.info({ login: login.address, retrieved, deleted }, 'logged out');
    return ok(deleted === 0 ? 'Until next time' : `Until next time, ${deleted} messages removed`);
  } catch (error) {
    if (!(error instanceof MailError)) context.log.error({ err: error }, 'messages were not removed');
    const { code, text } = refusalFor(error, context.session.id);
    return { ok: false, ...(code !== undefined && { code }), text: `No messages were removed: ${text}` };
  } finally {
    lock.release();
  }
}

async function removeMarked({ services }: CommandContext, { maildrop, access }: StateOf<'transaction'>): Promise<void> {
  const { markSeen, expire } = services.policy;
  const mutations = await maildrop.changes({ markSeen, removeRetrieved: expire === 'retrieved' });
  if (mutations.length === 0) return;
  const id = newId('commit', services.random);
  const answer = await commitPatiently(services, { owner: access.owner, actor: access.viewer, id, mutations });
  if (!answer.ok) throw new MailError(answer.failure, answer.text);
}
