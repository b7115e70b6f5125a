/** Webhooks of an account: made, changed, tested, looked at. */
import Type, { type Static } from 'typebox';
import { MailError } from '#mail/failure.ts';
import { newId } from '#store/ids.ts';
import type { Mutation } from '#store/mutation.ts';
import type { Access } from '#store/types.ts';
import { permit } from '../callers.ts';
import { EVENT_TYPES } from '../events/event.ts';
import type { Routes } from '../route.ts';
import { Id, IdParams, Page, Time, time } from '../schemas.ts';
import type { RestServices } from '../services.ts';
import { changeWebhooks } from './change.ts';
import { checkUrl } from './destination.ts';
import { poster } from './post.ts';
import { isOpen } from './progress.ts';
import { keyOf, newSecret, signedHeaders } from './signature.ts';
import {
  bodyOf,
  type Delivery,
  freshState,
  type KeptWebhook,
  putState,
  putTests,
  putWebhook,
  REMEMBERED,
  readState,
  readTests,
  readWebhooks,
  removeWebhook,
  type Webhook,
  type WebhookState,
} from './webhook.ts';

/** Of one account. */
const MOST = 20;
const TAG = 'Webhooks';
const STRICT = { additionalProperties: false } as const;

const fields = {
  url: Type.String({ maxLength: 2000, examples: ['https://app.example.org/hooks/mail'] }),
  description: Type.Optional(Type.String({ maxLength: 500 })),
  events: Type.Array(Type.String({ pattern: '^[a-z]{1,30}(\\.[a-z]{1,30})?$' }), {
    maxItems: 50,
    description: `Types, or their beginnings: \`message\`; all when empty. ${EVENT_TYPES.join(', ')}.`,
  }),
  enabled: Type.Boolean({ default: true }),
};
const secret = Type.String({
  maxLength: 200,
  description: '`whsec_` and 24 to 64 octets in base64; made when absent.',
});

const WebhookBody = Type.Object(
  {
    ...fields,
    events: Type.Optional(fields.events),
    enabled: Type.Optional(fields.enabled),
    secret: Type.Optional(secret),
  },
  { ...STRICT, title: 'WebhookToMake' },
);
const WebhookPatch = Type.Partial(Type.Object({ ...fields, secret }), { ...STRICT, title: 'WebhookChange' });

const shape = {
  id: Id,
  ...fields,
  createdAt: Time,
  state: Type.Enum(['good', 'failing', 'disabled'], {
    description: '`failing`: nothing new is posted until the receiver answers again.',
  }),
  reason: Type.Optional(Type.String()),
  waiting: Type.Integer({ description: 'Events that were tried in vain and will be tried again.' }),
};
const WebhookJson = Type.Object(shape, { title: 'Webhook' });
const NewWebhook = Type.Object({ ...shape, secret }, { title: 'NewWebhook' });
const DeliveryJson = Type.Object(
  {
    id: Type.String({ description: 'As the header `webhook-id` has it.' }),
    type: Type.String(),
    at: Time,
    attempt: Type.Integer(),
    ok: Type.Boolean(),
    status: Type.Optional(Type.Integer()),
    error: Type.Optional(Type.String()),
    duration: Type.Number({ description: 'Seconds.' }),
    test: Type.Boolean({ description: 'Posted by `/test`.' }),
  },
  { title: 'WebhookDelivery' },
);

export function webhookRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/webhooks',
    scope: 'account',
    tag: TAG,
    summary: 'List webhooks',
    operationId: 'listWebhooks',
    response: Page(WebhookJson),
    async run({ access, services }) {
      const all = await readWebhooks(services.store, access);
      return { items: await Promise.all(all.map((kept) => json(services, access, kept))) };
    },
  });
  routes.add({
    method: 'POST',
    url: '/webhooks',
    scope: 'account',
    tag: TAG,
    summary: 'Make a webhook',
    description:
      'Every event that follows is posted to the URL as `{"type","timestamp","data"}`, with the types and data of `GET /events`, signed as Standard Webhooks has it (`webhook-id`, `webhook-timestamp`, `webhook-signature`), at least once. ' +
      'What is not answered with 2xx within 20 seconds is tried again for 24 hours; what is given up after that is told by `webhook.dropped`. Redirects aren’t followed. The secret is shown in this answer alone.',
    operationId: 'createWebhook',
    body: WebhookBody,
    status: 201,
    response: NewWebhook,
    failures: ['bad-request', 'not-permitted', 'limit-exceeded'],
    async run({ access, caller, services, body, head }) {
      // What is posted tells of the mail.
      permit(caller, 'mail:read');
      const { store, clock, random } = services;
      const { modseq } = await store.accountState(access);
      const given: Webhook = {
        url: checked(services, body.url),
        ...(body.description !== undefined && { description: body.description }),
        events: body.events ?? [],
        secret: body.secret ?? newSecret(random),
        enabled: body.enabled !== false,
        createdAt: clock.now(),
        since: modseq,
      };
      keyOf(given.secret);
      const id = newId('outbox', random);
      const made = await changeWebhooks(services, access, (all) => {
        if (all.length >= MOST) throw new MailError('limit-exceeded', `An account may have ${MOST} webhooks`);
        return { mutations: [putWebhook(id, given)], left: all.length + 1 };
      });
      head.header('location', `/api/v1/webhooks/${id}`);
      return { ...shown({ id, created: made, modseq: made, webhook: given }, undefined), secret: given.secret };
    },
  });
  routes.add({
    method: 'GET',
    url: '/webhooks/{id}',
    scope: 'account',
    tag: TAG,
    summary: 'One webhook',
    operationId: 'getWebhook',
    params: IdParams,
    response: WebhookJson,
    failures: ['not-found'],
    run: async ({ access, services, params }) => await json(services, access, await found(services, access, params.id)),
  });
  routes.add({
    method: 'PATCH',
    url: '/webhooks/{id}',
    scope: 'account',
    tag: TAG,
    summary: 'Change a webhook',
    description: 'Switched on again, it begins with what happens from then on.',
    operationId: 'changeWebhook',
    params: IdParams,
    body: WebhookPatch,
    response: WebhookJson,
    failures: ['bad-request', 'conflict', 'not-permitted', 'not-found'],
    async run({ access, caller, services, params, body }) {
      permit(caller, 'mail:read');
      if (body.url !== undefined) checked(services, body.url);
      if (body.secret !== undefined) keyOf(body.secret);
      const { modseq: since } = await services.store.accountState(access);
      const state = await readState(services.store, access, params.id);
      let changed: KeptWebhook | undefined;
      await changeWebhooks(services, access, (all) => {
        const kept = all.find(({ id }) => id === params.id);
        if (kept === undefined) throw noSuchWebhook();
        const { disabled: _, ...before } = kept.webhook;
        const again = body.enabled === true && !kept.webhook.enabled;
        const webhook: Webhook = { ...before, ...body, ...(again && { since }) } as Webhook;
        changed = { ...kept, webhook };
        const fresh = again && state && putState(kept.id, { ...freshState(webhook), deliveries: state.deliveries });
        return { mutations: [putWebhook(kept.id, webhook), ...(fresh ? [fresh] : [])], left: all.length };
      });
      return await json(services, access, changed!);
    },
  });
  routes.add({
    method: 'DELETE',
    url: '/webhooks/{id}',
    scope: 'account',
    tag: TAG,
    summary: 'Delete a webhook',
    operationId: 'deleteWebhook',
    params: IdParams,
    failures: ['not-found'],
    async run({ access, services, params }) {
      await changeWebhooks(services, access, (all) => {
        const left = all.filter(({ id }) => id !== params.id).length;
        if (left === all.length) throw noSuchWebhook();
        return { mutations: removeWebhook(params.id), left };
      });
    },
  });
  routes.add({
    method: 'POST',
    url: '/webhooks/{id}/test',
    scope: 'account',
    tag: TAG,
    summary: 'Post a test event now',
    description: 'Of the type `webhook.test`, once. Says what the receiver answered; `/deliveries` has it too.',
    operationId: 'testWebhook',
    params: IdParams,
    response: DeliveryJson,
    failures: ['not-found', 'limit-exceeded'],
    async run({ access, services, params }) {
      const { clock, random, config, coordination } = services;
      const { id, webhook } = await found(services, access, params.id);
      const place = await coordination.acquire(`webhook-test:${access.owner}`, 1);
      if (place === undefined) throw new MailError('limit-exceeded', 'One test at a time');
      try {
        const post = poster({ clock, allowed: () => config.rest.webhookNetworks });
        const event = `${id}_${newId('commit', random)}`;
        const body = bodyOf('webhook.test', clock.now(), { webhook: id });
        const posted = await post(webhook.url, signedHeaders(webhook.secret, event, clock.now(), body), body);
        const delivery = {
          id: event,
          type: 'webhook.test',
          at: clock.now(),
          attempt: 1,
          test: true,
          ...posted,
        } as const;
        const before = await readTests(services.store, access, id);
        await commit(services, access, [putTests(id, [delivery, ...before])]);
        return deliveryJson(delivery);
      } finally {
        place.release();
      }
    },
  });
  routes.add({
    method: 'GET',
    url: '/webhooks/{id}/deliveries',
    scope: 'account',
    tag: TAG,
    summary: 'What was posted, and what was answered',
    description: 'The last 100 attempts, the latest first; they are written every second. Test posts are marked.',
    operationId: 'listWebhookDeliveries',
    params: IdParams,
    response: Page(DeliveryJson),
    failures: ['not-found'],
    async run({ access, services, params }) {
      const { id } = await found(services, access, params.id);
      const state = await readState(services.store, access, id);
      const tests = await readTests(services.store, access, id);
      const all = [...tests, ...(state?.deliveries ?? [])].sort((a, b) => b.at - a.at);
      return { items: all.slice(0, REMEMBERED).map(deliveryJson) };
    },
  });
}

function checked({ config }: RestServices, url: string): string {
  return checkUrl(url, config.rest.webhookNetworks).href;
}

async function found({ store }: RestServices, access: Access, id: string): Promise<KeptWebhook> {
  const all = await readWebhooks(store, access);
  const kept = all.find((one) => one.id === id);
  if (kept === undefined) throw noSuchWebhook();
  return kept;
}

const noSuchWebhook = (): MailError => new MailError('no-such-message', 'There is no such webhook');

async function json({ store }: RestServices, access: Access, kept: KeptWebhook): Promise<Static<typeof WebhookJson>> {
  return shown(kept, await readState(store, access, kept.id));
}

function shown({ id, webhook }: KeptWebhook, state: WebhookState | undefined): Static<typeof WebhookJson> {
  const { url, description, events, enabled, createdAt, disabled } = webhook;
  const last = state?.deliveries[0];
  const failing = state !== undefined && isOpen(state);
  const reason = disabled ?? (failing ? (last?.error ?? `it answered ${last?.status}`) : undefined);
  return {
    id,
    url,
    ...(description !== undefined && { description }),
    events: [...events],
    enabled,
    createdAt: time(createdAt),
    state: !enabled ? 'disabled' : failing ? 'failing' : 'good',
    ...(reason !== undefined && { reason }),
    waiting: state?.retries.length ?? 0,
  };
}

function deliveryJson({
  id,
  type,
  at,
  attempt,
  status,
  error,
  milliseconds,
  test,
}: Delivery): Static<typeof DeliveryJson> {
  return {
    id,
    type,
    at: time(at),
    attempt,
    ok: status !== undefined && status >= 200 && status < 300,
    ...(status !== undefined && { status }),
    ...(error !== undefined && { error }),
    duration: milliseconds / 1_000,
    test: test === true,
  };
}

async function commit(
  { store, random }: RestServices,
  access: Access,
  mutations: readonly Mutation[],
): Promise<number> {
  const id = newId('commit', random);
  const answer = await store.commit({ owner: access.owner, actor: access.viewer, id, mutations });
  if (!answer.ok) throw new MailError(answer.failure, answer.text);
  return answer.modseq;
}
