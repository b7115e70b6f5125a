/** Filters of the caller's account, and for admins those of any. */
import Type from 'typebox';
import { FilterItem, FilterList, filterFields, NewFilter, type WrittenFilter } from '#admin/filter-shapes.ts';
import { editFilters, listFilters, readFilters } from '#admin/filters.ts';
import type { Filter } from '#store/account-rules.ts';
import { by } from '../callers.ts';
import { HttpProblem } from '../problems.ts';
import type { Routes } from '../route.ts';
import { Page } from '../schemas.ts';
import { contentTag, itemParamsOf, OF_ACCOUNT, OWN, type Owner, paramsOf } from './owner.ts';
import { tryRoute } from './try-route.ts';

const position = Type.Optional(
  Type.Integer({ minimum: 0, maximum: 1_000, description: 'Where in the order; 0 is tried first.' }),
);
const NewAt = Type.Object({ ...NewFilter.properties, position }, { additionalProperties: false });
const Changes = Type.Object(
  { ...Type.Partial(Type.Object(filterFields)).properties, position },
  { additionalProperties: false, title: 'FilterChange' },
);

const noSuchFilter = (): HttpProblem => new HttpProblem('not-found', 'There is no such filter');

export const filterRoutes = (routes: Routes): void => declare(routes, OWN);
export const adminFilterRoutes = (routes: Routes): void => declare(routes, OF_ACCOUNT);

function declare(routes: Routes, owner: Owner): void {
  listRoutes(routes, owner);
  addRoute(routes, owner);
  getRoute(routes, owner);
  changeRoutes(routes, owner);
  removeRoute(routes, owner);
  tryRoute(routes, owner);
}

function listRoutes(routes: Routes, owner: Owner): void {
  const common = { url: `${owner.url}/filters`, tag: owner.tag, params: paramsOf(owner), response: Page(FilterItem) };
  routes.add({
    ...common,
    method: 'GET',
    scope: owner.read,
    summary: `Filters${owner.of}, in their order`,
    description:
      'They are tried in this order with each message that comes in. What they say adds up, but for the place: the first that fits and names one decides.',
    operationId: `list${owner.word}Filters`,
    async run(asked) {
      const list = await listFilters(asked.services, await owner.address(asked));
      asked.etag(contentTag(list.items));
      return list;
    },
  });
  routes.add({
    ...common,
    method: 'PUT',
    scope: owner.write,
    summary: `Replace all filters${owner.of}`,
    description: 'Those that come with their id stay the same ones; so the order is changed, too.',
    operationId: `set${owner.word}Filters`,
    body: FilterList,
    failures: ['bad-request', 'no-such-mailbox', 'conflict'],
    async run(asked) {
      const { services, caller, body, headers, etag, head } = asked;
      if (body.items.some(({ then }) => then.forward !== undefined)) owner.mayRead(caller);
      const address = await owner.address(asked);
      const filters = await readFilters(services, address, body.items);
      const edit = (current: readonly Filter[]): readonly Filter[] => {
        if (headers['if-match'] !== undefined) etag(contentTag(current));
        return filters;
      };
      const done = await editFilters(services, address, edit, by(caller));
      head.header('etag', contentTag(done.items));
      return done;
    },
  });
}

function addRoute(routes: Routes, owner: Owner): void {
  routes.add({
    method: 'POST',
    url: `${owner.url}/filters`,
    scope: owner.write,
    tag: owner.tag,
    summary: `Add a filter${owner.of}`,
    operationId: `add${owner.word}Filter`,
    params: paramsOf(owner),
    body: NewAt,
    response: FilterItem,
    status: 201,
    failures: ['bad-request', 'no-such-mailbox', 'conflict'],
    async run(asked) {
      const { services, caller, body, head } = asked;
      const { position: at, ...written } = body;
      if (written.then.forward !== undefined) owner.mayRead(caller);
      const address = await owner.address(asked);
      const [made] = await readFilters(services, address, [written]);
      if (made === undefined) throw noSuchFilter();
      const { items } = await editFilters(services, address, (all) => placed(all, made, at), by(caller));
      const added = items.find(({ id }) => id === made.id) ?? made;
      head.header('etag', contentTag(added));
      head.header('location', `/api/v1${owner.url.replace('{id}', asked.params.id ?? '')}/filters/${added.id}`);
      return added;
    },
  });
}

function getRoute(routes: Routes, owner: Owner): void {
  routes.add({
    method: 'GET',
    url: `${owner.url}/filters/{${owner.item}}`,
    scope: owner.read,
    tag: owner.tag,
    summary: `One filter${owner.of}`,
    operationId: `get${owner.word}Filter`,
    params: itemParamsOf(owner),
    response: FilterItem,
    failures: ['not-found'],
    async run(asked) {
      const { items } = await listFilters(asked.services, await owner.address(asked));
      const filter = find(items, asked.params[owner.item]);
      asked.etag(contentTag(filter));
      return filter;
    },
  });
}

function changeRoutes(routes: Routes, owner: Owner): void {
  const common = {
    url: `${owner.url}/filters/{${owner.item}}`,
    scope: owner.write,
    tag: owner.tag,
    params: itemParamsOf(owner),
    response: FilterItem,
    failures: ['bad-request', 'no-such-mailbox', 'not-found', 'conflict'],
  };
  type Asked = Parameters<Owner['address']>[0] & {
    readonly headers: { readonly 'if-match'?: string | undefined };
    readonly etag: (tag: string) => void;
    readonly head: { header(name: string, value: string): void };
  };
  const change = async (
    asked: Asked,
    written: (kept: Filter) => Omit<WrittenFilter, 'id'>,
    at: number | undefined,
  ): Promise<Filter> => {
    const { services, caller, params, headers } = asked;
    const id = params[owner.item];
    const address = await owner.address(asked);
    const kept = find((await listFilters(services, address)).items, id);
    const next = written(kept);
    if (next.then.forward !== undefined) owner.mayRead(caller);
    const [made] = await readFilters(services, address, [{ ...next, id: kept.id }]);
    if (made === undefined) throw noSuchFilter();
    const edit = (all: readonly Filter[]): readonly Filter[] => {
      const now = find(all, id);
      if (headers['if-match'] !== undefined) asked.etag(contentTag(now));
      // What was made of an older state is not put over a newer one.
      if (contentTag(now) !== contentTag(kept))
        throw new HttpProblem('conflict', 'Somebody else has changed it meanwhile');
      return placed(all, made, at);
    };
    const { items } = await editFilters(services, address, edit, by(caller));
    const done = items.find((one) => one.id === id) ?? made;
    asked.head.header('etag', contentTag(done));
    return done;
  };
  routes.add({
    ...common,
    method: 'PUT',
    summary: `Replace a filter${owner.of}`,
    operationId: `replace${owner.word}Filter`,
    body: NewAt,
    run: (asked) => {
      const { position: at, ...written } = asked.body;
      return change(asked, () => written, at);
    },
  });
  routes.add({
    ...common,
    method: 'PATCH',
    summary: `Change a filter${owner.of}`,
    description: 'What is named is replaced, `when` and `then` as a whole.',
    operationId: `change${owner.word}Filter`,
    body: Changes,
    run: (asked) => {
      const { position: at, ...changes } = asked.body;
      return change(asked, (kept) => ({ ...kept, ...changes }), at);
    },
  });
}

function removeRoute(routes: Routes, owner: Owner): void {
  routes.add({
    method: 'DELETE',
    url: `${owner.url}/filters/{${owner.item}}`,
    scope: owner.write,
    tag: owner.tag,
    summary: `Remove a filter${owner.of}`,
    operationId: `remove${owner.word}Filter`,
    params: itemParamsOf(owner),
    failures: ['not-found', 'conflict'],
    async run(asked) {
      const { services, caller, params, headers, etag } = asked;
      const edit = (all: readonly Filter[]): readonly Filter[] => {
        const filter = find(all, params[owner.item]);
        if (headers['if-match'] !== undefined) etag(contentTag(filter));
        return all.filter((one) => one !== filter);
      };
      await editFilters(services, await owner.address(asked), edit, by(caller));
    },
  });
}

function find(filters: readonly Filter[], id: string | undefined): Filter {
  const found = filters.find((filter) => filter.id === id);
  if (found === undefined) throw noSuchFilter();
  return found;
}

/** Where it was, unless it is to be elsewhere; what is new comes last. */
function placed(filters: readonly Filter[], filter: Filter, at: number | undefined): readonly Filter[] {
  const was = filters.findIndex(({ id }) => id === filter.id);
  const others = filters.filter(({ id }) => id !== filter.id);
  return others.toSpliced(at ?? (was < 0 ? others.length : was), 0, filter);
}
