/**
 * Settings of a peer as one document: what is exported, compared and applied. Credentials are none of it (passwords, app passwords, tokens, webhooks with
 * their secrets): who has the document has no access by it, and none can be made from it.
 */
import Type, { type Static } from 'typebox';
import { Check, Errors } from 'typebox/value';
import { formatAddress } from '#mail/address.ts';
import { MailError } from '#mail/failure.ts';
import { readAddress, readAlias, readDomain } from '#store/directory-names.ts';

export const SETTINGS_VERSION = 1;

const closed = { additionalProperties: false } as const;
const EmailAddress = Type.String({ minLength: 3, maxLength: 320, examples: ['alice@alpha.test'] });

const DomainName = Type.String({ minLength: 1, maxLength: 255 });

const AccountSettings = Type.Object(
  {
    address: EmailAddress,
    quota: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
        description: 'Octets; null: no limit. Absent: as it is, and for a new account as configured.',
      }),
    ),
    admin: Type.Optional(Type.Boolean()),
    suspended: Type.Optional(Type.Boolean()),
    forward: Type.Optional(
      Type.Object({ targets: Type.Array(EmailAddress, { minItems: 1, maxItems: 100 }), keep: Type.Boolean() }, closed),
    ),
    moved: Type.Optional(Type.Object({ to: EmailAddress, how: Type.Enum(['forward', 'reject']) }, closed)),
  },
  { ...closed, title: 'AccountSettings' },
);

const AliasSettings = Type.Object(
  {
    address: Type.String({ minLength: 2, maxLength: 320, description: '`@domain` is the catch-all.' }),
    targets: Type.Array(EmailAddress, { minItems: 1, maxItems: 1000 }),
  },
  { ...closed, title: 'AliasSettings' },
);

export const Settings = Type.Object(
  {
    version: Type.Literal(SETTINGS_VERSION),
    domains: Type.Array(DomainName),
    domainAliases: Type.Optional(
      Type.Array(Type.Object({ domain: DomainName, aliasOf: DomainName }, closed), {
        description: 'Which of the domains stand for another of them. Absent: as it is.',
      }),
    ),
    accounts: Type.Array(AccountSettings),
    aliases: Type.Array(AliasSettings),
  },
  { ...closed, title: 'Settings' },
);

type Readonly2<T> = T extends readonly (infer I)[]
  ? readonly Readonly2<I>[]
  : T extends object
    ? { readonly [K in keyof T]: Readonly2<T[K]> }
    : T;

export type Settings = Readonly2<Static<typeof Settings>>;
export type AccountSettings = Readonly2<Static<typeof AccountSettings>>;
export type AliasSettings = Readonly2<Static<typeof AliasSettings>>;

/** JSON text. @throws MailError `bad-request` that says where it is wrong. */
export function parseSettings(text: string): Settings {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MailError('bad-request', `the settings are no JSON: ${(cause as Error).message}`, { cause });
  }
  if (Check(Settings, value)) return value as Settings;
  const [first] = Errors(Settings, value);
  const at = first === undefined || first.instancePath === '' ? 'the settings' : first.instancePath;
  throw new MailError('bad-request', `${at}: ${first === undefined ? 'not valid' : first.message}`);
}

/** The one form of a document: names as the directory writes them, everything in order, no switch that is off. @throws MailError `bad-request`. */
export function canonical({ domains, domainAliases, accounts, aliases }: Settings): Settings {
  return {
    version: SETTINGS_VERSION,
    domains: [...new Set(domains.map(readDomain))].sort(),
    ...(domainAliases && { domainAliases: domainAliases.map(canonicalDomainAlias).sort(byDomain) }),
    accounts: accounts.map(canonicalAccount).sort(byAddress),
    aliases: aliases
      .map(({ address, targets }) => ({ address: readAlias(address).address, targets: sortedAddresses(targets) }))
      .sort(byAddress),
  };
}

export function canonicalAccount(account: AccountSettings): AccountSettings {
  const { address, quota, admin, suspended, forward, moved } = account;
  return {
    address: formatAddress(readAddress(address)),
    ...(quota !== undefined && { quota }),
    ...(admin && { admin }),
    ...(suspended && { suspended }),
    ...(forward && { forward: { targets: sortedAddresses(forward.targets), keep: forward.keep } }),
    ...(moved && { moved: { to: formatAddress(readAddress(moved.to)), how: moved.how } }),
  };
}

type DomainAliasSettings = NonNullable<Settings['domainAliases']>[number];

const canonicalDomainAlias = ({ domain, aliasOf }: DomainAliasSettings): DomainAliasSettings => ({
  domain: readDomain(domain),
  aliasOf: readDomain(aliasOf),
});
const byDomain = (a: DomainAliasSettings, b: DomainAliasSettings): number => (a.domain < b.domain ? -1 : 1);

/** Names are compared without case, and so is their order. */
export function byAddress(a: { readonly address: string }, b: { readonly address: string }): number {
  const [left, right] = [readAlias(a.address).name, readAlias(b.address).name];
  return left < right ? -1 : left > right ? 1 : 0;
}

const sortedAddresses = (texts: readonly string[]): readonly string[] =>
  [...new Set(texts.map((text) => formatAddress(readAddress(text))))].sort();

/** One step of a plan (`plan.ts`). */
export interface SettingsChange {
  readonly act: 'add' | 'change' | 'remove';
  readonly kind: 'domain' | 'account' | 'alias';
  /** The domain or address. */
  readonly target: string;
  /** Of an account or domain that changes: only what differs, null for what isn't set. */
  readonly before?: object;
  readonly after?: object;
  /** Mail or an address is lost by it: done only where removals are asked for (`prune`). */
  readonly destructive?: true;
  readonly note?: string;
}
