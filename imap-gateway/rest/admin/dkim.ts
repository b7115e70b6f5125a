/** The keys that mail of a domain is signed with. Private keys come in; they never go out. */
import Type from 'typebox';
import { addDkimKeys, checkDkimKeys, type DkimRooms, listDkimKeys, removeDkimKey, setDkimState } from '#admin/dkim.ts';
import { MailError } from '#mail/failure.ts';
import { DKIM_ALGORITHMS, DKIM_STATES } from '#store/account-rules.ts';
import { by } from '../callers.ts';
import type { Routes } from '../route.ts';
import { Page, Time } from '../schemas.ts';
import type { RestServices } from '../services.ts';

const tag = 'Admin: domains';
const DomainParams = Type.Object({ domain: Type.String({ minLength: 1, maxLength: 255, examples: ['alpha.test'] }) });
const Selector = Type.String({ minLength: 1, maxLength: 63, examples: ['2026a'] });
const KeyParams = Type.Object({ ...DomainParams.properties, selector: Selector });
const Algorithm = Type.Enum([...DKIM_ALGORITHMS]);
const State = Type.Enum([...DKIM_STATES], {
  description:
    '`published-only` waits until DNS has it; `signing`; `retired` signs no more, but what it signed is still under way.',
});
const DkimKey = Type.Object(
  {
    domain: Type.String(),
    selector: Selector,
    algorithm: Algorithm,
    state: State,
    createdAt: Time,
    changedAt: Type.String({ ...Time, description: 'When it came into its state.' }),
    publishedUntil: Type.Optional(
      Type.String({ ...Time, description: 'Of a retired key: mail that it has signed may be under way until then.' }),
    ),
    bits: Type.Optional(Type.Integer({ description: 'Absent, as the record, where the key is damaged.' })),
    record: Type.Optional(
      Type.Object({ name: Type.String(), value: Type.String() }, { description: 'The TXT record to publish.' }),
    ),
  },
  { title: 'DkimKey' },
);
const Seen = Type.Enum(['published', 'missing', 'different', 'unanswered'], {
  description: 'What DNS has: `different` is another key or a revoked one, `unanswered` that it said nothing.',
});

export function adminDkimRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/admin/domains/{domain}/dkim',
    scope: 'admin:read',
    tag,
    summary: 'The DKIM keys of a domain',
    operationId: 'listDkimKeys',
    params: DomainParams,
    response: Page(DkimKey),
    failures: ['not-found'],
    run: ({ params, services }) => listDkimKeys(rooms(services), params.domain),
  });

  routes.add({
    method: 'POST',
    url: '/admin/domains/{domain}/dkim',
    scope: 'admin',
    tag,
    summary: 'Make DKIM keys, or bring one along',
    description:
      'Without an algorithm or a key, one of RSA and one of Ed25519. They sign once the records are published and `check` has seen them.',
    operationId: 'addDkimKeys',
    params: DomainParams,
    body: Type.Object({
      algorithm: Type.Optional(Algorithm),
      selector: Type.Optional(
        Type.String({
          ...Selector,
          description: 'By default the year and a letter. Of one key: name the algorithm too.',
        }),
      ),
      key: Type.Optional(
        Type.String({
          maxLength: 16_384,
          description: 'A private key in PEM that another server has used. Never given back.',
        }),
      ),
      state: Type.Optional(Type.Enum(['published-only', 'signing'])),
    }),
    response: Type.Object({ items: Type.Array(DkimKey) }),
    status: 201,
    failures: ['not-found', 'exists', 'limit-exceeded'],
    run: ({ params, body, services, caller }) =>
      addDkimKeys(rooms(services), { ...body, domain: params.domain }, by(caller)),
  });

  routes.add({
    method: 'POST',
    url: '/admin/domains/{domain}/dkim/check',
    scope: 'admin',
    tag,
    summary: 'Look which DKIM keys DNS has',
    description:
      'With `sign`, keys that wait and are published sign from now on, and those that signed with the same algorithm are retired.',
    operationId: 'checkDkimKeys',
    params: DomainParams,
    body: Type.Object({ sign: Type.Optional(Type.Boolean()) }),
    response: Type.Object({ items: Type.Array(Type.Intersect([DkimKey, Type.Object({ seen: Seen })])) }),
    status: 200,
    failures: ['not-found', 'unavailable'],
    async run({ params, body, services, caller }) {
      const { resolver } = services;
      if (resolver === undefined) throw new MailError('unavailable', 'this server asks no DNS');
      return await checkDkimKeys(
        { ...rooms(services), resolver: resolver() },
        { ...body, domain: params.domain },
        by(caller),
      );
    },
  });

  routes.add({
    method: 'PATCH',
    url: '/admin/domains/{domain}/dkim/{selector}',
    scope: 'admin',
    tag,
    summary: 'Let a DKIM key sign, wait, or retire',
    operationId: 'changeDkimKey',
    params: KeyParams,
    body: Type.Object({ state: State }),
    response: DkimKey,
    failures: ['not-found'],
    run: ({ params, body, services, caller }) =>
      setDkimState(rooms(services), { ...params, state: body.state }, by(caller)),
  });

  routes.add({
    method: 'DELETE',
    url: '/admin/domains/{domain}/dkim/{selector}',
    scope: 'admin',
    tag,
    summary: 'Remove a DKIM key',
    description:
      'Refused while it signs, and until `publishedUntil`; `force` removes it all the same, for one that others have got hold of.',
    operationId: 'removeDkimKey',
    params: KeyParams,
    query: Type.Object({ force: Type.Optional(Type.Boolean()) }),
    failures: ['not-found', 'conflict'],
    async run({ params, query, services, caller }) {
      await removeDkimKey(rooms(services), { ...params, ...query }, by(caller));
    },
  });
}

const rooms = ({ directory, clock, config }: RestServices): DkimRooms => ({
  directory,
  clock,
  expire: config.delivery.expire,
});
