/** Pieces of schemas that routes share. A schema with a `title` becomes a named component of the OpenAPI document. */
import Type, { type TSchema } from 'typebox';

/** An id of the store: the same in every protocol. */
export const Id = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', examples: ['m4r8zj6t0q2w5x7y9a1c3e5g'] });

/** RFC 3339; answered in UTC. No leap seconds: our clocks have none, and they would be read as no time at all. */
export const Time = Type.String({
  format: 'date-time',
  pattern: ':[0-5]\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$',
  examples: ['2026-11-23T16:00:00.000Z'],
});

export const EmailAddress = Type.String({ minLength: 3, maxLength: 320, examples: ['alice@alpha.test'] });

export const IdParams = Type.Object({ id: Id });

/** Of routes that name an account for an admin. The id stays when the account is renamed. */
export const AccountParams = Type.Object({
  id: Type.String({
    minLength: 1,
    maxLength: 320,
    description: 'Its id, or its address.',
    examples: ['alice@alpha.test'],
  }),
});

/** @param ms since 1970. */
export function time(ms: number): string {
  return new Date(ms).toISOString();
}

/** `?limit=&cursor=`, to spread into a query's properties. */
export const paging = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'How many at most.' })),
  cursor: Type.Optional(
    Type.String({ maxLength: 1024, description: '`next` of the page before; without it the list begins.' }),
  ),
};

/** `{ items, next }` */
export function Page<T extends TSchema>(item: T) {
  return Type.Object({
    items: Type.Array(item),
    next: Type.Optional(Type.String({ description: 'The `cursor` of the next page; absent on the last one.' })),
  });
}
