/**
 * Every route that is declared, now and later: nobody reaches another account's data, and no input makes the server fail. What a route needs to be asked
 * sensibly (ids that exist, bodies) is made from its own schemas.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { Create } from 'typebox/value';
import { type RestAnswer, type RestWorld, restWorld } from '#test/support/rest.ts';
import { apiMarkdown } from './docs.ts';
import { deliver } from './mail/mail.testkit.ts';
import { openApi } from './openapi.ts';
import type { Route } from './route.ts';
import { allRoutes } from './routes.ts';

const SECRET = 'For Alice alone';
/** How many malformed requests each route gets; `REST_FUZZ_RUNS` for more. */
const RUNS = Number(process.env.REST_FUZZ_RUNS ?? 12);

let world: RestWorld;
/** Ids of Alice's things by the collection that lists them: `/api/v1/mailboxes` → …. */
let ids: ReadonlyMap<string, string>;

before(async () => {
  world = await restWorld();
  ids = await seed();
});
after(() => world.close());

/** One thing of each kind, and whatever else each collection lists. */
async function seed(): Promise<ReadonlyMap<string, string>> {
  const { alice } = world;
  const text = `From: x@beta.test\nTo: ${alice.address}\nSubject: ${SECRET}\nMessage-ID: <1@x>\n\n${SECRET}\n`;
  const letter = await deliver(world, alice, text);
  const found = new Map([
    ['/api/v1/mailboxes', letter.mailbox],
    ['/api/v1/messages', letter.id],
    ['/api/v1/threads', letter.thread],
  ]);
  await world.ask(alice, 'POST', '/account/app-passwords', { body: { name: SECRET } });
  for (const { path } of allRoutes) {
    const [collection = ''] = path.split('/{');
    if (collection === path || found.has(collection)) continue;
    if (!allRoutes.some((route) => route.method === 'GET' && route.path === collection && route.scope !== 'none'))
      continue;
    const list = await world.ask(alice, 'GET', toPath(collection));
    const id: unknown = list.json.items?.[0]?.id;
    if (typeof id === 'string') found.set(collection, id);
  }
  return found;
}

/** The path with Alice's ids: below a collection the one that it lists. */
function pathOf({ path }: Route): string {
  const [collection = ''] = path.split('/{');
  const id = ids.get(collection) ?? [...ids.values()][0] ?? '1';
  return path.replace('{id}', id).replace(/\{\w+\}/g, '1');
}

function bodyOf(route: Route): object | undefined {
  return route.body === undefined ? undefined : (Create(route.body) as object);
}

/** A stream of events has no end to wait for: its head says as much. */
const methodOf = ({ method, produces }: Route): string => (produces?.includes('text/event-stream') ? 'HEAD' : method);

/** Streams of events never end: who may read them is asked below, what they say in their own tests. */
const finite = allRoutes.filter(({ produces }) => !produces?.includes('text/event-stream'));
const isOpen = (route: Route): boolean => route.scope === 'none';
const ownPaths = finite.filter((route) => route.path.includes('{') && !isOpen(route));
const toPath = (path: string): string => (path.startsWith('/api/v1/') ? path.slice('/api/v1'.length) : `/${path}`);

async function ask(who: string | undefined, route: Route, path: string): Promise<RestAnswer> {
  const body = bodyOf(route);
  return world.ask(who, methodOf(route), toPath(path), body && { body });
}

test('the walk has ids of Alice that she herself reaches', async () => {
  const reached: string[] = [];
  for (const route of ownPaths.filter(({ method }) => method === 'GET')) {
    const answer = await ask(world.alice.token, route, pathOf(route));
    if (answer.status === 200) reached.push(route.operationId);
  }
  for (const expected of ['getMailbox', 'getMessage'])
    assert.ok(reached.includes(expected), `${expected}: ${reached.join()}`);
});

test('nobody reaches what is Alice’s by its id', async () => {
  for (const route of ownPaths) {
    const answer = await ask(world.bob.token, route, pathOf(route));
    assert.ok(
      [400, 403, 404, 415].includes(answer.status),
      `${route.method} ${route.path}: ${answer.status} ${answer.text}`,
    );
    assert.ok(!answer.text.includes(SECRET), route.path);
  }
  // Nothing happened to it either.
  const messages = await world.ask(world.alice, 'GET', '/messages');
  assert.ok(messages.text.includes(SECRET));
});

test('nor by an id in the query', async () => {
  for (const route of finite.filter((one) => one.method === 'GET' && !isOpen(one) && !one.path.includes('{'))) {
    for (const name of Object.keys(route.query?.properties ?? {})) {
      for (const id of ids.values()) {
        const answer = await world.ask(world.bob, methodOf(route), toPath(route.path), { query: { [name]: id } });
        assert.ok(!answer.text.includes(SECRET), `${route.path}?${name}=`);
      }
    }
  }
});

test('without a token, or without the scope, a route answers 401 or 403', async () => {
  for (const route of allRoutes.filter((one) => !isOpen(one))) {
    const nobody = await ask(undefined, route, pathOf(route));
    assert.equal(nobody.status, 401, `${route.method} ${route.path}`);
    if (route.scope === 'any') continue;
    const scope = route.scope === 'send' ? 'mail:read' : 'send';
    const other = await ask(await world.token({ account: world.alice.id, scopes: [scope] }), route, pathOf(route));
    assert.equal(other.status, 403, `${route.method} ${route.path}`);
  }
});

const odd = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', '0', '-1', '9007199254740993', '..', '%00', 'null', 'true', '[]', 'a'.repeat(300), '\u0000', '*'),
);
const oddBody = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.string({ maxLength: 60 }),
  fc.constantFrom('', '{', '[', 'null', '1', '"x"', '[[[[[[]]]]]]', '{"a":1e999}', '{"__proto__":{}}'),
);
const type = fc.constantFrom(
  'application/json',
  'text/plain',
  'message/rfc822',
  'multipart/form-data; boundary=x',
  'x',
  '',
);

test(`no malformed input makes a route fail (${RUNS} a route)`, async () => {
  for (const route of finite) {
    const names = Object.keys(route.query?.properties ?? {});
    const one = fc.record({
      parts: fc.array(odd, { minLength: 3, maxLength: 3 }),
      query: fc.dictionary(fc.constantFrom('cursor', 'limit', 'q', 'zzz', ...names), odd, { maxKeys: 3 }),
      body: fc.oneof(oddBody, mangled(route)),
      type,
      etag: fc.constantFrom(undefined, '*', '"x"', 'W/"1"', 'junk'),
      own: fc.boolean(),
    });
    await fc
      .assert(
        fc.asyncProperty(one, async ({ parts, query, body, type: mediaType, etag, own }) => {
          let at = 0;
          const path = own
            ? pathOf(route)
            : route.path.replace(/\{\w+\}/g, () => encodeURIComponent(parts[at++] ?? ''));
          const answer = await world.ask(world.bob, methodOf(route), toPath(path), {
            query,
            ...(route.method !== 'GET' && { body, type: mediaType }),
            ...(etag !== undefined && { headers: { 'if-match': etag, 'if-none-match': etag } }),
          });
          assert.ok(answer.status < 500, `${answer.status} ${answer.text}`);
          if (answer.status >= 400)
            assert.equal(answer.headers['content-type'], 'application/problem+json', answer.text);
        }),
        { numRuns: RUNS, seed: 5 },
      )
      .catch((error: unknown) => {
        throw new Error(`${route.method} ${route.path}: ${String(error)}`, { cause: error });
      });
  }
  assert.deepEqual(
    world.log.filter(({ level }) => level === 'error'),
    [],
  );
});

/** Something like what the route takes, with one of its values exchanged. */
function mangled(route: Route): fc.Arbitrary<string> {
  if (route.body === undefined) return oddBody;
  const right = Create(route.body) as Record<string, unknown>;
  const names = Object.keys((route.body as { properties?: object }).properties ?? { x: 1 });
  return fc
    .tuple(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 2 }))
    .map(([name, value]) => JSON.stringify({ ...right, [name]: value }));
}

test('docs/api.md is fresh: run `node imap-gateway/rest/write-docs.ts`', () => {
  const path = new URL('../../docs/api.md', import.meta.url);
  const text = readFileSync(path, 'utf8');
  assert.equal(text, apiMarkdown(openApi(allRoutes, '1')));
  // The word may be one of several that are declared.
  assert.doesNotMatch(text, /(?<!")unknown/);
});

test('the document and its page are served', async () => {
  const document = (await world.ask(undefined, 'GET', '//api/openapi.json')).json;
  assert.equal(document.openapi, '3.1.0');
  assert.equal(document.paths['/api/v1/account'].get.operationId, 'getAccount');
  const page = await world.ask(undefined, 'GET', '//api/docs');
  assert.match(String(page.headers['content-security-policy']), /script-src 'self';/);
  assert.doesNotMatch(page.text, /<script(?![^>]* src=)/);
  for (const [, file] of page.text.matchAll(/(?:src|href)="\/api\/docs\/([^"]+)"/g)) {
    const answer = await world.ask(undefined, 'GET', `//api/docs/${file}`);
    assert.equal(answer.status, 200, file);
  }
  assert.equal((await world.ask(undefined, 'GET', '//api/docs/package.json')).status, 404);
  const problem = await world.ask(undefined, 'GET', '//api/problems/over-quota');
  assert.match(problem.text, /^over-quota \(507\): /);
});
