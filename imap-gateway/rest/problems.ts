/**
 * Refusals as REST answers them: RFC 9457 problems. `STATUS` is the one table from a failure to its status (DESIGN §6), total: a new failure does not
 * compile until it stands here. What isn't a `MailError` or an `HttpProblem` is a fault of ours: 500 with the request's id, by which the log tells more.
 */
import { STATUS_CODES } from 'node:http';
import { type Failure, MailError } from '#mail/failure.ts';

const STATUS = {
  'bad-credentials': 401,
  'bad-request': 400,
  conflict: 409,
  exists: 409,
  'limit-exceeded': 429,
  loop: 422,
  'mailbox-has-children': 409,
  moved: 410,
  'no-such-account': 404,
  'no-such-mailbox': 404,
  'no-such-message': 404,
  'not-found': 404,
  'not-permitted': 403,
  // RFC 4918 §11.5
  'over-quota': 507,
  rejected: 422,
  'too-large': 413,
  unavailable: 503,
  unsupported: 422,
} satisfies Record<Failure, number>;

/** Refusals that HTTP alone knows. */
const HTTP_STATUS = {
  'method-not-allowed': 405,
  'precondition-failed': 412,
  // The password was right.
  'second-factor-required': 401,
  'unsupported-media-type': 415,
  'range-not-satisfiable': 416,
  'internal-error': 500,
} as const;

export type HttpFailure = keyof typeof HTTP_STATUS;
export type ProblemCode = Failure | HttpFailure;
export const PROBLEM_STATUS: Readonly<Record<ProblemCode, number>> = { ...STATUS, ...HTTP_STATUS };

/** What is wrong with the input: `path` is a JSON pointer into `params`, `query` or `body`, such as `/body/to/0`. */
export interface InputError {
  readonly path: string;
  readonly message: string;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly requestId: string;
  readonly errors?: readonly InputError[];
}

/** A refusal that no `Failure` stands for, or one with headers or a list of what is wrong. */
export class HttpProblem extends Error {
  readonly code: ProblemCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: readonly InputError[] | undefined;

  constructor(
    code: ProblemCode,
    detail: string,
    more: { readonly headers?: Readonly<Record<string, string>>; readonly errors?: readonly InputError[] } = {},
  ) {
    super(detail);
    this.name = 'HttpProblem';
    this.code = code;
    this.headers = more.headers ?? {};
    this.errors = more.errors;
  }
}

export interface ProblemAnswer {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  /** A fault of ours: it belongs into the log with its stack. */
  readonly fault: boolean;
}

/** @param base where the problem types are explained: `https://mail.example.org/api/problems`. */
export function problemOf(error: unknown, requestId: string, base: string): ProblemAnswer {
  const refusal = refusalOf(error);
  const { code, detail, headers, errors } = refusal;
  const status = PROBLEM_STATUS[code];
  return {
    headers,
    fault: code === 'internal-error',
    problem: {
      type: `${base}/${code}`,
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail,
      code,
      requestId,
      ...(errors && { errors }),
    },
  };
}

interface Refusal {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly errors?: readonly InputError[] | undefined;
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof HttpProblem) {
    const { code, headers, errors } = error;
    return { code, detail: error.message, headers, errors };
  }
  if (error instanceof MailError) {
    const later = LATER[error.failure];
    const headers = later === undefined ? {} : { 'retry-after': later };
    return { code: error.failure, detail: error.message, headers };
  }
  const status = frameworkStatus(error);
  const code = status === undefined ? undefined : FRAMEWORK[status];
  if (code !== undefined) return { code, detail: (error as Error).message, headers: {} };
  return { code: 'internal-error', detail: 'An error of the server; the log knows it by this request id', headers: {} };
}

/** Seconds. Limits count by the minute. */
const LATER: { readonly [F in Failure]?: string } = { unavailable: '5', 'limit-exceeded': '30' };

/** What fastify refuses by itself before a route runs: malformed JSON, too large, an unknown media type. */
const FRAMEWORK: { readonly [status: number]: ProblemCode } = {
  400: 'bad-request',
  404: 'not-found',
  413: 'too-large',
  414: 'bad-request',
  415: 'unsupported-media-type',
};

function frameworkStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || !('code' in error)) return undefined;
  const known = typeof error.code === 'string' && error.code.startsWith('FST_');
  // JSON that sets __proto__ is refused by fastify's parser with a bare 400.
  if (!known && !(error instanceof SyntaxError)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
