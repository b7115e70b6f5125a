/** Filters as JSON: in bodies of REST, and in files that people edit. */
import Type, { type Static } from 'typebox';
import { Check, Errors } from 'typebox/value';
import { MailError } from '#mail/failure.ts';
import { MOST_FILTERS, MOST_FORWARDS } from '#store/account-rules.ts';

const closed = { additionalProperties: false } as const;
const Text = Type.String({ minLength: 1, maxLength: 1_000 });
const FilterId = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' });

export const FilterWhen = Type.Object(
  {
    from: Type.Optional(Text),
    to: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1_000, description: 'To, Cc, or the address that it came for.' }),
    ),
    subject: Type.Optional(Text),
    listId: Type.Optional(Text),
    header: Type.Optional(Type.Object({ name: Type.String({ pattern: '^[!-9;-~]{1,200}$' }), contains: Text }, closed)),
    text: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1_000,
        description: 'In the beginning of what people read: 256 KB of text, within the first MB.',
      }),
    ),
    larger: Type.Optional(Type.Integer({ minimum: 0, description: 'More octets than that.' })),
    smaller: Type.Optional(Type.Integer({ minimum: 0 })),
    hasAttachment: Type.Optional(Type.Boolean()),
  },
  {
    ...closed,
    description:
      'All of it must hold; nothing holds always. Texts are looked for anywhere in the decoded field, without case.',
  },
);

export const FilterThen = Type.Object(
  {
    mailbox: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1_000,
        description: 'Its id; also taken by its name. Once it is gone: INBOX.',
      }),
    ),
    keywords: Type.Optional(
      Type.Array(Type.String({ pattern: "^[!#$&'+-\\[^-z|}~]{1,255}$", examples: ['$flagged'] }), { maxItems: 50 }),
    ),
    junk: Type.Optional(
      Type.Boolean({ description: 'To the mailbox of that role, unless the sender is on the allow list.' }),
    ),
    discard: Type.Optional(
      Type.Boolean({
        description: 'Kept nowhere; in the trash where it is sent on too. Excludes `mailbox` and `junk`.',
      }),
    ),
    forward: Type.Optional(
      Type.Array(Type.String({ minLength: 3, maxLength: 320, examples: ['bob@beta.test'] }), {
        minItems: 1,
        maxItems: MOST_FORWARDS,
        description: 'Sends it on as it is, besides.',
      }),
    ),
  },
  closed,
);

export const filterFields = {
  name: Type.String({ minLength: 1, maxLength: 200 }),
  enabled: Type.Boolean({ default: true }),
  when: FilterWhen,
  then: FilterThen,
  stop: Type.Boolean({ description: 'Where it fits, no filter after this one is tried.' }),
};

export const FilterItem = Type.Object(
  { id: FilterId, ...filterFields, stop: Type.Optional(filterFields.stop) },
  { title: 'Filter' },
);

const optional = { enabled: Type.Optional(filterFields.enabled), stop: Type.Optional(filterFields.stop) };
export const NewFilter = Type.Object({ ...filterFields, ...optional }, { ...closed, title: 'FilterToMake' });
const ListedFilter = Type.Object({ id: Type.Optional(FilterId), ...filterFields, ...optional }, closed);
export const FilterList = Type.Object(
  { items: Type.Array(ListedFilter, { maxItems: MOST_FILTERS }) },
  { ...closed, title: 'FilterList' },
);

type Frozen<T> = T extends readonly (infer I)[]
  ? readonly Frozen<I>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

/** A filter as somebody writes it; one that was there keeps its id. */
export type WrittenFilter = Frozen<Static<typeof ListedFilter>>;

/** JSON text: what `peerpost account filters --json` prints, or the list alone. @throws MailError `bad-request` that says where it is wrong. */
export function parseFilters(text: string): readonly WrittenFilter[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MailError('bad-request', `the filters are no JSON: ${(cause as Error).message}`, { cause });
  }
  const list = Array.isArray(value) ? { items: value } : value;
  if (Check(FilterList, list)) return list.items;
  const [first] = Errors(FilterList, list);
  throw new MailError('bad-request', `${first?.instancePath || 'the filters'}: ${first?.message ?? 'not valid'}`);
}
