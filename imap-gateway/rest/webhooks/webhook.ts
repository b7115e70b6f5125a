/** A webhook and how far it has come, as records of the account. */
import type { Mutation } from '#store/mutation.ts';
import type { MailStore } from '#store/store.ts';
import type { Access, ModSeq } from '#store/types.ts';

export const WEBHOOK = 'webhook';
const STATE = 'webhook-state';
/** What came of test posts: apart, since whoever is at work writes the state. */
const TESTS = 'webhook-tests';
/** The one outbox row of an account that has webhooks: by it whoever posts them finds the account after a restart. */
export const STANDING = 'webhooks';

export interface Webhook {
  readonly url: string;
  readonly description?: string;
  /** Types, or their beginnings (`message`); all when empty. */
  readonly events: readonly string[];
  readonly secret: string;
  readonly enabled: boolean;
  /** Why it was switched off. */
  readonly disabled?: string;
  readonly createdAt: number;
  /** What happens after it is told. */
  readonly since: ModSeq;
}

/** An event that was not taken yet: found again in the log. */
export interface Retry {
  readonly modseq: ModSeq;
  readonly index: number;
  readonly attempts: number;
  readonly firstAt: number;
  readonly nextAt: number;
}

export interface Delivery {
  readonly id: string;
  readonly type: string;
  readonly at: number;
  readonly attempt: number;
  readonly status?: number;
  readonly error?: string;
  readonly milliseconds: number;
  readonly test?: true;
}

export interface WebhookState {
  /** Everything up to here was told, or is among `retries`. */
  readonly cursor: ModSeq;
  readonly retries: readonly Retry[];
  /** Attempts that failed, without one between that did not. */
  readonly failures: number;
  readonly failingSince?: number;
  /** Events were given up since the last success: between these places of the log. */
  readonly dropped?: { readonly count: number; readonly from: ModSeq; readonly to: ModSeq };
  /** The latest first. */
  readonly deliveries: readonly Delivery[];
}

/** Deliveries that are remembered. */
export const REMEMBERED = 100;

export interface KeptWebhook {
  readonly id: string;
  readonly created: ModSeq;
  readonly modseq: ModSeq;
  readonly webhook: Webhook;
}

/** More than anybody has. */
const MOST = 100;

export async function readWebhooks(store: Pick<MailStore, 'records'>, access: Access): Promise<KeptWebhook[]> {
  const found = await store.records(access, WEBHOOK, { limit: MOST });
  return found.map(({ id, created, modseq, value }) => ({
    id,
    created,
    modseq,
    webhook: JSON.parse(value) as Webhook,
  }));
}

export async function readState(
  store: Pick<MailStore, 'record'>,
  access: Access,
  id: string,
): Promise<WebhookState | undefined> {
  const found = await store.record(access, STATE, id);
  return found && (JSON.parse(found.value) as WebhookState);
}

/** The latest first. */
export async function readTests(
  store: Pick<MailStore, 'record'>,
  access: Access,
  id: string,
): Promise<readonly Delivery[]> {
  const found = await store.record(access, TESTS, id);
  return found === undefined ? [] : (JSON.parse(found.value) as Delivery[]);
}

export const putTests = (id: string, deliveries: readonly Delivery[]): Mutation => ({
  type: 'put-record',
  kind: TESTS,
  id,
  value: JSON.stringify(deliveries.slice(0, REMEMBERED)),
});

export const freshState = ({ since }: Webhook): WebhookState => ({
  cursor: since,
  retries: [],
  failures: 0,
  deliveries: [],
});

/** @param ifModseq only if nobody else has changed it meanwhile. */
export const putWebhook = (id: string, webhook: Webhook, ifModseq?: ModSeq): Mutation => ({
  type: 'put-record',
  kind: WEBHOOK,
  id,
  value: JSON.stringify(webhook),
  ...(ifModseq !== undefined && { ifModseq }),
});

export const putState = (id: string, state: WebhookState): Mutation => ({
  type: 'put-record',
  kind: STATE,
  id,
  value: JSON.stringify(state),
});

export const removeWebhook = (id: string): Mutation[] => [
  { type: 'remove-record', kind: WEBHOOK, id },
  { type: 'remove-record', kind: STATE, id },
  { type: 'remove-record', kind: TESTS, id },
];

export const wants = ({ events }: Webhook, type: string): boolean =>
  events.length === 0 || events.some((one) => type === one || type.startsWith(`${one}.`));

/** What a receiver takes for the same event when it comes twice. */
export const eventId = (webhook: string, modseq: ModSeq, index: number): string => `${webhook}_${modseq}_${index}`;

export function bodyOf(type: string, at: number, data: object): string {
  return JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
}
