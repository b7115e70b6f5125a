/** Domains, the records to publish for them, and aliases. */
import Type from 'typebox';
import { addAlias, listAliases, removeAlias } from '#admin/aliases.ts';
import { publishedKeys } from '#admin/dkim.ts';
import {
  addDomain,
  domainNotes,
  listDomains,
  removeDomain,
  renameDomain,
  setDomainAlias,
  showDomain,
} from '#admin/domains.ts';
import { showDomainRecords } from '#admin/setup/publish.ts';
import { zoneText } from '#admin/setup/zone.ts';
import { by } from '../callers.ts';
import { page, readCursor } from '../paging.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { EmailAddress, Page, paging, Time } from '../schemas.ts';

const DomainName = Type.String({ minLength: 1, maxLength: 255, examples: ['alpha.test'] });
const AliasOf = Type.String({
  minLength: 1,
  maxLength: 255,
  description:
    'Mail for local@domain is that of local@aliasOf, unless an address of its own stands in the domain; people log in and send under it.',
  examples: ['alpha.test'],
});
const DomainItem = Type.Object(
  { domain: DomainName, aliasOf: Type.Optional(AliasOf), createdAt: Time },
  { title: 'Domain' },
);
const DomainParams = Type.Object({ domain: DomainName });
const AliasAddress = Type.String({
  minLength: 2,
  maxLength: 320,
  description: '`@domain` is the catch-all.',
  examples: ['sales@alpha.test'],
});
const AliasItem = Type.Object(
  { address: AliasAddress, targets: Type.Array(EmailAddress), createdAt: Time },
  { title: 'Alias' },
);
const DnsRecord = Type.Object(
  {
    name: Type.String(),
    type: Type.String(),
    ttl: Type.Integer({ description: 'Seconds.' }),
    value: Type.String(),
    priority: Type.Optional(Type.Integer()),
    weight: Type.Optional(Type.Integer()),
    port: Type.Optional(Type.Integer()),
    purpose: Type.String(),
  },
  { title: 'DnsRecord' },
);
const tag = 'Admin: domains';

export function adminDomainRoutes(routes: Routes): void {
  routes.add({
    method: 'GET',
    url: '/admin/domains',
    scope: 'admin:read',
    tag,
    summary: 'All domains',
    operationId: 'listDomains',
    response: Page(DomainItem),
    run: ({ services }) => listDomains(services),
  });

  routes.add({
    method: 'POST',
    url: '/admin/domains',
    scope: 'admin',
    tag,
    summary: 'Add a domain',
    description: 'Added already, it stays as it is, or becomes an alias.',
    operationId: 'addDomain',
    body: Type.Object({ domain: DomainName, aliasOf: Type.Optional(AliasOf) }),
    response: Type.Object({ domain: DomainName, aliasOf: Type.Optional(AliasOf) }),
    status: 201,
    failures: ['conflict'],
    run: ({ body, services, caller }) => addDomain(services, body, by(caller)),
  });

  routes.add({
    method: 'GET',
    url: '/admin/domains/{domain}',
    scope: 'admin:read',
    tag,
    summary: 'One domain',
    operationId: 'showDomain',
    params: DomainParams,
    response: DomainItem,
    failures: ['not-found'],
    async run({ params, services }) {
      await present(services.directory, params.domain);
      return await showDomain(services, params.domain);
    },
  });

  routes.add({
    method: 'PATCH',
    url: '/admin/domains/{domain}',
    scope: 'admin',
    tag,
    summary: 'Make a domain an alias of another, or no alias any more',
    description:
      'One step: `aliasOf` is a domain of this peer that is no alias itself, and no other domain may be an alias of this one.',
    operationId: 'changeDomain',
    params: DomainParams,
    body: Type.Object({ aliasOf: Type.Union([AliasOf, Type.Null()], { description: 'Null: no alias any more.' }) }),
    response: DomainItem,
    failures: ['conflict', 'not-found'],
    async run({ params, body, services, caller }) {
      await present(services.directory, params.domain);
      const { domain } = params;
      await setDomainAlias(services, { domain, ...(body.aliasOf !== null && { aliasOf: body.aliasOf }) }, by(caller));
      return await showDomain(services, domain);
    },
  });

  routes.add({
    method: 'DELETE',
    url: '/admin/domains/{domain}',
    scope: 'admin',
    tag,
    summary: 'Remove a domain',
    description:
      'Refused while accounts or aliases stand in it, or another domain is an alias of it. Its DKIM keys go with it.',
    operationId: 'removeDomain',
    params: DomainParams,
    failures: ['conflict', 'not-found'],
    async run({ params, services, caller }) {
      await present(services.directory, params.domain);
      await removeDomain(services, params.domain, by(caller));
    },
  });

  routes.add({
    method: 'POST',
    url: '/admin/domains/{domain}/rename',
    scope: 'admin',
    tag,
    summary: 'Give a domain another name',
    description:
      'All its accounts and aliases have the new name then, and what led to them leads there. The new name may be new here, an alias of the old one, or a domain in which none of the names is taken. DKIM keys stay with the old name: make some for the new one.',
    operationId: 'renameDomain',
    params: DomainParams,
    body: Type.Object({
      to: DomainName,
      alias: Type.Optional(
        Type.Boolean({ default: false, description: 'The old name stays as an alias domain; otherwise it goes.' }),
      ),
    }),
    response: DomainItem,
    failures: ['conflict', 'exists', 'not-found'],
    async run({ params, body, services, caller }) {
      await present(services.directory, params.domain);
      const args = { domain: params.domain, to: body.to, alias: body.alias ?? false };
      return await renameDomain(services, args, by(caller));
    },
  });

  routes.add({
    method: 'GET',
    url: '/admin/domains/{domain}/dns',
    scope: 'admin:read',
    tag,
    summary: 'The records to publish for a domain',
    operationId: 'getDomainRecords',
    params: DomainParams,
    response: Type.Object({
      domain: DomainName,
      items: Type.Array(DnsRecord),
      notes: Type.Array(Type.String()),
      zone: Type.String({ description: 'The same as text for a zone file.' }),
    }),
    failures: ['not-found'],
    async run({ params, services }) {
      await present(services.directory, params.domain);
      const { directory, clock, config } = services;
      const keys = await publishedKeys({ directory, clock, expire: config.delivery.expire }, params.domain);
      const found = await showDomainRecords(config, params.domain, keys);
      const notes = [...found.notes, ...(await domainNotes(services, params.domain))];
      return { domain: found.domain, items: found.records, notes, zone: zoneText({ ...found, notes }) };
    },
  });
}

export function adminAliasRoutes(routes: Routes): void {
  const tag = 'Admin: aliases';
  routes.add({
    method: 'GET',
    url: '/admin/aliases',
    scope: 'admin:read',
    tag,
    summary: 'All aliases, by address',
    operationId: 'listAliases',
    query: Type.Object({ ...paging }),
    response: Page(AliasItem),
    async run({ query, services }) {
      const after = readCursor(query.cursor, Type.String());
      const items = (await listAliases(services)).items
        .filter(({ address }) => after === undefined || address > after)
        .sort((a, b) => (a.address < b.address ? -1 : 1));
      return page(items, query.limit, ({ address }) => address);
    },
  });

  routes.add({
    method: 'POST',
    url: '/admin/aliases',
    scope: 'admin',
    tag,
    summary: 'Add an alias',
    operationId: 'addAlias',
    body: Type.Object({ address: AliasAddress, targets: Type.Array(EmailAddress, { minItems: 1, maxItems: 1000 }) }),
    response: Type.Object({ address: AliasAddress, targets: Type.Array(EmailAddress) }),
    status: 201,
    failures: ['exists'],
    run: ({ body, services, caller }) => addAlias(services, body, by(caller)),
  });

  routes.add({
    method: 'DELETE',
    url: '/admin/aliases/{address}',
    scope: 'admin',
    tag,
    summary: 'Remove an alias',
    operationId: 'removeAlias',
    params: Type.Object({ address: AliasAddress }),
    failures: ['not-found'],
    async run({ params, services, caller }) {
      const wanted = params.address.toLowerCase();
      const known = (await services.directory.aliases()).some(({ address }) => address.toLowerCase() === wanted);
      if (!known) throw new HttpProblem('not-found', 'There is no such alias');
      await removeAlias(services, params.address, by(caller));
    },
  });
}

async function present(directory: { isLocalDomain(domain: string): Promise<boolean> }, domain: string): Promise<void> {
  if (!(await directory.isLocalDomain(domain))) throw new HttpProblem('not-found', 'This is not one of our domains');
}
