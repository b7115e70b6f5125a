/**
 * What a route is: one declaration with its schemas, from which validation, types and the OpenAPI document follow. A file `routes/RESOURCE.ts` exports
 * `(routes: Routes) => void`; `routes.ts` lists them all. README.md shows one.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Static, TObject, TSchema } from 'typebox';
import type { Log } from '#runtime/ambient.ts';
import type { Access } from '#store/types.ts';
import type { Exchange } from '../http/exchange.ts';
import type { AccountScope, Caller, Scope } from './callers.ts';
import type { Content } from './content.ts';
import type { RestServices } from './services.ts';

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type Method = (typeof METHODS)[number];

/** What routes take and give as it is in the store: readonly all through. */
export type DeepReadonly<T> = T extends readonly (infer I)[]
  ? readonly DeepReadonly<I>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;
type Given<T extends TSchema | undefined> = T extends TSchema ? DeepReadonly<Static<T>> : undefined;

/** A body that is no JSON, as it comes. Reading it past the route's limit throws `too-large`. */
export interface Upload {
  /** In lower case, without parameters. */
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly stream: AsyncIterable<Uint8Array>;
  /** As the client says. */
  readonly length?: number;
}

export interface Head {
  status(code: number): void;
  header(name: string, value: string): void;
}

export interface RouteRequest<
  S extends Scope = Scope,
  P extends TObject | undefined = undefined,
  Q extends TObject | undefined = undefined,
  B extends TSchema | undefined = undefined,
> {
  readonly params: Given<P>;
  readonly query: Given<Q>;
  /** Undefined too when an `upload` came instead. */
  readonly body: Given<B>;
  /** The caller's own account: for the store. */
  readonly access: S extends AccountScope ? Access : undefined;
  /** With scope `none` nobody is asked who they are. */
  readonly caller: S extends 'none' ? undefined : Caller;
  readonly upload: Upload | undefined;
  readonly services: RestServices;
  /** Knows the request's id and the caller. */
  readonly log: Log;
  readonly exchange: Exchange;
  /** HEAD runs as GET and its content is never read. */
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** What the answer's head says besides. */
  readonly head: Head;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /**
   * Says how the resource stands now (weak is enough: `W/"…"`): ends the request with 304 when the client has that already, and with 412 when it demands
   * another (`If-Match`). Call it before anything is changed; the answer has the tag.
   */
  readonly etag: (tag: string) => void;
}

export interface RouteDeclaration<
  S extends Scope,
  P extends TObject | undefined,
  Q extends TObject | undefined,
  B extends TSchema | undefined,
  R extends TSchema | undefined,
> {
  readonly method: Method;
  /** Below `/api/v1`, with `{name}` for parameters: `/messages/{id}`. */
  readonly url: string;
  /** The path stands by itself, not below `/api/v1`. */
  readonly root?: true;
  readonly scope: S;
  /** Groups operations in the documentation: `Messages`. */
  readonly tag: string;
  /** A few words, without a full stop. */
  readonly summary: string;
  /** Markdown, when the summary is not enough. */
  readonly description?: string;
  /** Unique: `listMessages`. */
  readonly operationId: string;
  readonly params?: P;
  readonly query?: Q;
  /** JSON. Names that aren't declared are refused, on the first level and wherever `additionalProperties: false` says so. */
  readonly body?: B;
  /** Media types that are taken as an `upload`, instead of JSON or besides it: `message/rfc822`. */
  readonly consumes?: readonly string[];
  /** The largest body: 1 MB; what a message may have, with room for base64; or whatever the disk takes, for what goes there as it comes. */
  readonly limit?: 'json' | 'message' | 'disk';
  /** The JSON of a success; only what it declares is sent. Without it the answer is empty (204), or `produces`. */
  readonly response?: R;
  /** Media types of an answer that is no JSON: `run` answers with `Content`. Both may be given. */
  readonly produces?: readonly string[];
  /** Of a success: 200 with a response, 204 without. */
  readonly status?: 200 | 201 | 202 | 204;
  /** Which failures it answers with, for the documentation; those that every route has are added. */
  readonly failures?: readonly string[];
  run(request: RouteRequest<S, P, Q, B>): Promise<Answer<R>> | Answer<R>;
}

export type Answer<R extends TSchema | undefined> =
  | (R extends TSchema ? DeepReadonly<Static<R>> : undefined)
  // biome-ignore lint/suspicious/noConfusingVoidType: what a function without a result answers.
  | (R extends TSchema ? never : void)
  | Content;

/** A declaration whose types are forgotten: what the server and the OpenAPI document walk over. */
export interface Route
  extends Omit<
    RouteDeclaration<Scope, TObject | undefined, TObject | undefined, TSchema | undefined, TSchema | undefined>,
    'run'
  > {
  /** With `/api/v1`, and `{name}` for parameters. */
  readonly path: string;
  run(request: RouteRequest<Scope, TObject, TObject, TSchema>): unknown;
}

export interface Routes {
  add<
    S extends Scope,
    P extends TObject | undefined = undefined,
    Q extends TObject | undefined = undefined,
    B extends TSchema | undefined = undefined,
    R extends TSchema | undefined = undefined,
  >(declaration: RouteDeclaration<S, P, Q, B, R>): void;
}

export const PREFIX = '/api/v1';

/** Everything that `declare` functions declare. @throws Error for an operation id or a method and path that is there twice. */
export function collectRoutes(resources: readonly ((routes: Routes) => void)[]): readonly Route[] {
  const routes: Route[] = [];
  const taken = new Set<string>();
  const claim = (what: string): void => {
    if (taken.has(what)) throw new Error(`declared twice: ${what}`);
    taken.add(what);
  };
  const collect: Routes = {
    add(declaration) {
      const path = declaration.root ? declaration.url : PREFIX + declaration.url;
      claim(declaration.operationId);
      claim(`${declaration.method} ${path}`);
      routes.push({ ...(declaration as unknown as Route), path });
    },
  };
  for (const declare of resources) declare(collect);
  return routes;
}
