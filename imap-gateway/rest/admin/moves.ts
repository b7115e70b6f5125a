/** The side that takes an account over: what `peerpost account move` of another peer talks to (transfer/move/protocol.ts). */
import Type from 'typebox';
import { FilterItem } from '#admin/filter-shapes.ts';
import { MOST_AUTOREPLY_DAYS, MOST_AUTOREPLY_OCTETS, MOST_FILTERS, MOST_SENDERS } from '#store/account-rules.ts';
import type { By } from '#store/directory.ts';
import { MAX_UID } from '#store/uid-set.ts';
import { incomingMoves } from '#transfer/move/incoming.ts';
import type { MoveTarget } from '#transfer/move/protocol.ts';
import { by, type Caller } from '../callers.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { EmailAddress, Id, IdParams } from '../schemas.ts';
import type { RestServices } from '../services.ts';

const tag = 'Admin: moves';
const Text = Type.String({ minLength: 1, maxLength: 1000 });
const Name = Type.String({ minLength: 1, maxLength: 4000 });
const Uid = Type.Integer({ minimum: 1, maximum: MAX_UID });
const UidNext = Type.Integer({ minimum: 1, maximum: MAX_UID + 1 });
const Base64 = Type.String({ minLength: 1, maxLength: 1000 });
const Count = Type.Integer({ minimum: 0 });
const Role = Type.Enum(['inbox', 'archive', 'drafts', 'flagged', 'important', 'junk', 'sent', 'trash']);
const Version = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Uids = Type.Array(Type.Array(Uid, { minItems: 2, maxItems: 2 }), { minItems: 1, maxItems: 10_000 });
const closed = { additionalProperties: false };

const Secret = Type.Object(
  {
    argon2: Type.Object({ salt: Base64, hash: Base64, memory: Count, passes: Count, parallelism: Count }, closed),
    scram: Type.Object({ salt: Base64, iterations: Count, storedKey: Base64, serverKey: Base64 }, closed),
  },
  closed,
);

const Senders = Type.Array(Type.String({ minLength: 1, maxLength: 320 }), { maxItems: MOST_SENDERS });
const Answer = Type.String({ maxLength: MOST_AUTOREPLY_OCTETS });
/** As they are kept: mailboxes have their ids, times are milliseconds. */
const Rules = Type.Object(
  {
    filters: Type.Optional(Type.Array(FilterItem, { maxItems: MOST_FILTERS })),
    autoreply: Type.Optional(
      Type.Object(
        {
          enabled: Type.Boolean(),
          subject: Type.Optional(Type.String({ maxLength: 500 })),
          text: Answer,
          html: Type.Optional(Answer),
          from: Type.Optional(Count),
          until: Type.Optional(Count),
          days: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_AUTOREPLY_DAYS })),
        },
        closed,
      ),
    ),
    senders: Type.Optional(Type.Object({ allow: Senders, block: Senders }, closed)),
  },
  closed,
);

const AppPassword = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    scopes: Type.Array(Type.String({ maxLength: 20 }), { maxItems: 20 }),
    keys: Type.Array(Type.Object({ storedKey: Base64, serverKey: Base64 }, closed), { minItems: 1, maxItems: 4 }),
  },
  closed,
);

const Offer = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 64, description: 'Random; names the move on both sides.' }),
  address: EmailAddress,
  secret: Secret,
  subscribed: Type.Array(Name, { maxItems: 100_000 }),
  mailboxes: Type.Array(
    Type.Object(
      { id: Id, name: Name, role: Type.Optional(Role), uidValidity: Uid, uidNext: UidNext, messages: Count },
      closed,
    ),
    { maxItems: 100_000 },
  ),
});

const State = Type.Object(
  {
    version: Version,
    active: Type.Boolean(),
    mailboxes: Type.Array(
      Type.Object({ id: Id, name: Name, role: Type.Optional(Role), uidValidity: Uid, uidNext: UidNext }),
    ),
    last: Type.Record(Type.String(), Uid, { description: 'By mailbox, the last UID that has come.' }),
    subscribed: Type.Array(Name),
  },
  { title: 'IncomingMove' },
);

const typed = <T extends string>(type: T) => ({ type: Type.Literal(type) });
const mailbox = { mailbox: Id };
const Change = Type.Union([
  Type.Object({ ...typed('create-mailbox'), id: Id, name: Name, uidValidity: Uid }, closed),
  Type.Object({ ...typed('delete-mailbox'), ...mailbox }, closed),
  Type.Object({ ...typed('rename-mailbox'), ...mailbox, name: Name, uidValidity: Type.Optional(Uid) }, closed),
  Type.Object({ ...typed('set-role'), ...mailbox, role: Type.Union([Role, Type.Null()]) }, closed),
  Type.Object({ ...typed('subscribe'), name: Name, subscribed: Type.Boolean() }, closed),
  Type.Object({ ...typed('set-flags'), ...mailbox, uids: Uids, flags: Type.Array(Text, { maxItems: 1000 }) }, closed),
  Type.Object({ ...typed('expunge'), ...mailbox, uids: Uids }, closed),
  Type.Object({ ...typed('raise-uid-next'), ...mailbox, uidNext: UidNext }, closed),
  Type.Object(
    { ...typed('put-record'), kind: Type.Literal('import'), id: Id, value: Type.String({ maxLength: 262_144 }) },
    closed,
  ),
]);

const Step = Type.Object({ version: Version }, { title: 'MoveStep' });
const Where = Type.Object({ address: EmailAddress });
const failures = ['no-such-account', 'exists', 'conflict'];

function target({ store, directory, random, clock, config }: RestServices, caller: Caller): MoveTarget {
  const by_: By = by(caller);
  const { messageSize } = config.limits;
  return incomingMoves({ store, directory, random, clock, messageSize, shards: config.store.shards }, by_);
}

export function incomingMoveRoutes(routes: Routes): void {
  routes.add({
    method: 'POST',
    url: '/admin/incoming-moves',
    scope: 'admin',
    tag,
    summary: 'Take an account over from another peer',
    description:
      'Makes the account with its mailboxes; nobody sees it before it is activated. The same move again answers where it is. `peerpost account move` of the other peer does all of this.',
    operationId: 'offerMove',
    body: Offer,
    response: State,
    failures: ['exists', 'bad-request'],
    run: ({ body, services, caller }) => target(services, caller).offer(body as never) as never,
  });

  routes.add({
    method: 'GET',
    url: '/admin/incoming-moves/{id}',
    scope: 'admin',
    tag,
    summary: 'How far a move is',
    operationId: 'showMove',
    params: IdParams,
    query: Where,
    response: State,
    failures,
    run: ({ params, query, services, caller }) => target(services, caller).state(params.id, query.address) as never,
  });

  routes.add({
    method: 'POST',
    url: '/admin/incoming-moves/{id}/changes',
    scope: 'admin',
    tag,
    summary: 'Follow what changed over there',
    description: 'All or nothing, and only where the move stands at `version`.',
    operationId: 'changeMove',
    params: IdParams,
    query: Where,
    body: Type.Object({ version: Version, changes: Type.Array(Change, { maxItems: 10_000 }) }),
    response: Step,
    failures,
    run: ({ params, query, body, services, caller }) =>
      target(services, caller).changes(params.id, query.address, body.version, body.changes as never),
  });

  routes.add({
    method: 'POST',
    url: '/admin/incoming-moves/{id}/messages',
    scope: 'admin',
    tag,
    summary: 'Take messages',
    description: 'A tar, as `docs/archive-format.md` has it, of messages alone.',
    operationId: 'takeMovedMessages',
    params: IdParams,
    query: Type.Object({ address: EmailAddress, version: Version }),
    consumes: ['application/x-tar'],
    limit: 'message',
    response: Step,
    failures: [...failures, 'over-quota', 'too-large'],
    run({ params, query, upload, services, caller }) {
      if (upload === undefined) throw new HttpProblem('unsupported-media-type', 'This takes application/x-tar');
      return target(services, caller).messages(params.id, query.address, query.version, upload.stream);
    },
  });

  routes.add({
    method: 'POST',
    url: '/admin/incoming-moves/{id}/activate',
    scope: 'admin',
    tag,
    summary: 'Open the account here',
    operationId: 'activateMove',
    params: IdParams,
    query: Where,
    body: Type.Object({
      version: Version,
      quota: Type.Optional(Count),
      forward: Type.Optional(
        Type.Object(
          { targets: Type.Array(EmailAddress, { minItems: 1, maxItems: 100 }), keep: Type.Boolean() },
          closed,
        ),
      ),
      rules: Type.Optional(Rules),
      appPasswords: Type.Optional(Type.Array(AppPassword, { maxItems: 50 })),
      secondFactor: Type.Optional(
        Type.Object({ secret: Type.String({ maxLength: 88 }), lastStep: Type.Integer({ minimum: 0 }) }, closed),
      ),
    }),
    response: Step,
    failures,
    run: ({ params, query, body, services, caller }) =>
      target(services, caller).activate(params.id, query.address, body as never),
  });
}
