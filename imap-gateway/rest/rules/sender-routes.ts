/** Lists of senders: of the caller's account, and for admins of any account and of the whole peer. */
import Type from 'typebox';
import { editSenders, showSenders } from '#admin/senders.ts';
import { MOST_SENDERS, type SenderLists } from '#store/account-rules.ts';
import { by } from '../callers.ts';
import type { Routes } from '../route.ts';
import { contentTag, OF_ACCOUNT, OWN, type Owner, paramsOf } from './owner.ts';

const Sender = Type.String({
  minLength: 2,
  maxLength: 320,
  description: '`user@domain`, `@domain`, or `.domain` for it and all below.',
  examples: ['@beta.test'],
});
const Senders = Type.Object(
  {
    allow: Type.Array(Sender, { maxItems: MOST_SENDERS }),
    block: Type.Array(Sender, { maxItems: MOST_SENDERS }),
  },
  { additionalProperties: false, title: 'Senders' },
);

type Lists = Pick<Owner, 'url' | 'read' | 'write' | 'tag' | 'of' | 'params'> & {
  readonly address: (asked: Parameters<Owner['address']>[0]) => Promise<string | undefined>;
};

/** The peer's lists belong to no account. */
const OF_PEER: Lists = {
  ...OF_ACCOUNT,
  url: '/admin',
  of: ' by the whole peer',
  params: {},
  address: async () => undefined,
};

const OF_MAIL =
  'Mail of who is blocked, by the envelope or by From, is refused with 550, unless the sender is allowed too. Mail of who is allowed is never taken for junk by a filter. `postmaster` and `abuse` get all mail.';
const OF_STRANGERS = 'Counts for who didn’t log in. `postmaster` and `abuse` of each domain stay reachable.';

export const senderRoutes = (routes: Routes): void => declare(routes, OWN, 'Senders', OF_MAIL);

export function adminSenderRoutes(routes: Routes): void {
  declare(routes, OF_ACCOUNT, 'AccountSenders', OF_MAIL);
  declare(routes, OF_PEER, 'PeerSenders', OF_STRANGERS);
}

function declare(routes: Routes, owner: Lists, word: string, description: string): void {
  const { of } = owner;
  const common = {
    url: `${owner.url}/senders`,
    tag: owner.tag,
    params: paramsOf(owner),
    response: Senders,
    description,
  };
  routes.add({
    ...common,
    method: 'GET',
    scope: owner.read,
    summary: `Who is allowed and blocked${of}`,
    operationId: `get${word}`,
    async run(asked) {
      const found = await showSenders(asked.services, await owner.address(asked));
      asked.etag(contentTag(found));
      return found;
    },
  });
  routes.add({
    ...common,
    method: 'PUT',
    scope: owner.write,
    summary: `Set who is allowed and blocked${of}`,
    operationId: `set${word}`,
    body: Senders,
    failures: ['bad-request', 'conflict'],
    async run(asked) {
      const { services, caller, body, headers, etag, head } = asked;
      const edit = (current: SenderLists): SenderLists => {
        if (headers['if-match'] !== undefined) etag(contentTag(current));
        return body;
      };
      const done = await editSenders(services, await owner.address(asked), edit, by(caller));
      head.header('etag', contentTag(done));
      return done;
    },
  });
}
