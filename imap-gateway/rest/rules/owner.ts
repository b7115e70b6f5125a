/** Whose rules a route is about: the caller's own, or, for admins, those of the account that the path names. */
import { createHash } from 'node:crypto';
import Type from 'typebox';
import { accountAt } from '../admin/rooms.ts';
import { accountOf, type Caller, permit } from '../callers.ts';
import { AccountParams, Id } from '../schemas.ts';
import type { RestServices } from '../services.ts';

interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly caller: Caller;
  readonly services: RestServices;
}

export interface Owner {
  /** Below which the routes are. */
  readonly url: string;
  readonly read: 'account' | 'admin:read';
  readonly write: 'account' | 'admin';
  readonly tag: string;
  /** In operation ids. */
  readonly word: '' | 'Account';
  /** In summaries. */
  readonly of: string;
  readonly params: { readonly [name: string]: typeof Id };
  /** The parameter that names one of several things. */
  readonly item: 'id' | 'item';
  address(asked: Asked): Promise<string>;
  /** Whoever has mail sent on, or looks at what is in it, must be one who may read it. */
  mayRead(caller: Caller): void;
}

export const OWN: Owner = {
  url: '/account',
  read: 'account',
  write: 'account',
  tag: 'Rules for mail',
  word: '',
  of: '',
  params: {},
  item: 'id',
  address: async ({ caller }) => accountOf(caller).address,
  mayRead: (caller) => permit(caller, 'mail:read'),
};

export const OF_ACCOUNT: Owner = {
  url: '/admin/accounts/{id}',
  read: 'admin:read',
  write: 'admin',
  tag: 'Admin: rules for mail',
  word: 'Account',
  of: ' of an account',
  params: AccountParams.properties,
  item: 'item',
  address: async ({ params, services }) => (await accountAt(services, params.id ?? '')).address,
  mayRead: () => undefined,
};

export const paramsOf = ({ params }: Pick<Owner, 'params'>) => Type.Object(params);
export const itemParamsOf = ({ params, item }: Owner) => Type.Object({ ...params, [item]: Id });

/** It changes with what is in it. */
export const contentTag = (value: unknown): string =>
  `W/"${createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22)}"`;
