/** The OpenAPI 3.1 document, from the declarations of all routes. A schema with a `title` becomes a component of that name. */
import { STATUS_CODES } from 'node:http';
import type { TObject, TSchema } from 'typebox';
import { PROBLEM_STATUS, type ProblemCode } from './problems.ts';
import type { Route } from './route.ts';
import { closed } from './validation.ts';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

const PROBLEM: JsonObject = {
  title: 'Problem',
  type: 'object',
  description: 'RFC 9457. `code` says the same as the last part of `type`.',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(PROBLEM_STATUS) },
    requestId: { type: 'string' },
    errors: {
      type: 'array',
      description: 'What is wrong with the input, each by a JSON pointer.',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
};

const SECURITY: JsonObject = {
  token: { type: 'http', scheme: 'bearer', description: 'A token: `pp_…`, with scopes.' },
  password: {
    type: 'http',
    scheme: 'basic',
    description: 'Address and password, or an app password of scope `rest`. Over TLS or from the same host only.',
  },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-peerpost',
    description: 'Of who signed in by a page. All but GET and HEAD need the header X-CSRF-Token too.',
  },
};

/** What every answer to somebody who must be known may be. */
const ALWAYS: readonly ProblemCode[] = ['bad-request', 'limit-exceeded'];
const KNOWN: readonly ProblemCode[] = ['bad-credentials', 'not-permitted'];

export function openApi(routes: readonly Route[], version: string): JsonObject {
  const schemas: JsonObject = {};
  const lift = lifter(schemas);
  lift(PROBLEM);
  const paths: { [path: string]: JsonObject } = {};
  for (const route of routes) {
    const path = paths[route.path] ?? {};
    paths[route.path] = path;
    path[route.method.toLowerCase()] = operation(route, lift);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Peerpost',
      version,
      description:
        'Mail, sending, and administration of this peer. Times are RFC 3339 in UTC, durations seconds, sizes octets. Ids are the same in every protocol. Errors are RFC 9457 problems.',
    },
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: { schemas, securitySchemes: SECURITY },
  };
}

type Lift = (schema: TSchema | JsonObject) => Json;

function operation(route: Route, lift: Lift): JsonObject {
  const { scope } = route;
  const scopes = scope === 'any' ? [] : [scope];
  const says = [
    route.description,
    scope === 'none' ? undefined : `Scope: ${scope === 'any' ? 'any' : `\`${scope}\``}.`,
  ].filter((text) => text !== undefined);
  const body = requestBody(route, lift);
  return {
    tags: [route.tag],
    summary: route.summary,
    operationId: route.operationId,
    ...(says.length > 0 && { description: says.join('\n\n') }),
    'x-scope': scope,
    parameters: [...parameters('path', route.params, lift), ...parameters('query', route.query, lift)],
    ...(body && { requestBody: body }),
    responses: responses(route, lift),
    security: scope === 'none' ? [] : [{ token: scopes }, { password: [] }, { session: [] }],
  };
}

function parameters(where: 'path' | 'query', schema: TObject | undefined, lift: Lift): Json[] {
  const required = new Set((schema?.required ?? []) as readonly string[]);
  return Object.entries((schema?.properties ?? {}) as Record<string, TSchema & { description?: string }>).map(
    ([name, property]) => ({
      name,
      in: where,
      required: where === 'path' || required.has(name),
      ...(property.description !== undefined && { description: property.description }),
      schema: lift(property),
    }),
  );
}

function requestBody({ body, consumes }: Route, lift: Lift): JsonObject | undefined {
  const content: JsonObject = {};
  if (body !== undefined) content['application/json'] = { schema: lift(closed(body)) };
  // OpenAPI 3.1: octets have no schema.
  for (const type of consumes ?? []) content[type] = {};
  return Object.keys(content).length === 0 ? undefined : { required: true, content };
}

function responses(route: Route, lift: Lift): JsonObject {
  const status = String(route.status ?? (route.response === undefined && route.produces === undefined ? 204 : 200));
  const content: JsonObject = {};
  if (route.response !== undefined) content['application/json'] = { schema: lift(route.response) };
  for (const type of route.produces ?? []) content[type] = {};
  const result: JsonObject = {
    [status]: { description: 'Done.', ...(Object.keys(content).length > 0 && { content }) },
  };
  const codes = new Set<ProblemCode>([
    ...ALWAYS,
    ...(route.scope === 'none' ? [] : KNOWN),
    ...((route.failures ?? []) as ProblemCode[]),
  ]);
  const byStatus = Map.groupBy(codes, (code) => PROBLEM_STATUS[code]);
  for (const [code, failures] of [...byStatus].sort(([a], [b]) => a - b)) {
    result[String(code)] = {
      description: `${STATUS_CODES[code] ?? ''}: ${failures.map((failure) => `\`${failure}\``).join(', ')}`,
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    };
  }
  return result;
}

/** Two different schemas of one title would silently be one: that is an error. */
function lifter(schemas: JsonObject): Lift {
  const walk = (node: Json): Json => {
    if (Array.isArray(node)) return node.map(walk);
    if (node === null || typeof node !== 'object') return node;
    const walked: JsonObject = Object.fromEntries(Object.entries(node).map(([name, value]) => [name, walk(value)]));
    const { title } = walked;
    if (typeof title !== 'string' || walked.type !== 'object') return walked;
    const known = schemas[title];
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(walked)) {
      throw new Error(`two schemas are titled ${title}`);
    }
    schemas[title] = walked;
    return { $ref: `#/components/schemas/${title}` };
  };
  // Only what JSON shows: typebox keeps its own notes in properties that aren't enumerable.
  return (schema) => walk(JSON.parse(JSON.stringify(schema)) as Json);
}
