/** The interface explains itself: the OpenAPI document, a page to read it by (swagger-ui, served from here), and what each problem means. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import Type from 'typebox';
import { Content } from '../content.ts';
import { openApi } from '../openapi.ts';
import { HttpProblem, PROBLEM_STATUS, type ProblemCode } from '../problems.ts';
import type { Route, Routes } from '../route.ts';

const VERSION = '1';

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Peerpost: REST</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
<link rel="stylesheet" href="/api/docs/look.css">
</head>
<body>
<div id="page"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body>
</html>
`;

/** The viewer is dark when its document has that class; it does not ask the browser itself. */
const START = `const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();
SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#page',
  deepLinking: true,
  docExpansion: 'none',
  validatorUrl: null,
});
`;

/** What is too faint in the viewer's own colours (4.5:1). */
const LOOK = `.swagger-ui .info .title small pre { color: #fff }
.swagger-ui .info .title small { background: #5a6070 }
.swagger-ui .info .title small.version-stamp { background: #3c6e00 }
html:not(.dark-mode) .swagger-ui a.link, html:not(.dark-mode) .swagger-ui .info a { color: #1f5fa8 }
html:not(.dark-mode) .swagger-ui .btn.authorize { color: #1b6e47; border-color: #1b6e47 }
html:not(.dark-mode) .swagger-ui .btn.authorize svg { fill: #1b6e47 }
`;

/** The viewer styles by attributes; scripts are files of ours alone. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const FILES: { readonly [name: string]: { readonly type: string; readonly text?: string } } = {
  'look.css': { type: 'text/css; charset=utf-8', text: LOOK },
  'start.js': { type: 'text/javascript; charset=utf-8', text: START },
  'swagger-ui-bundle.js': { type: 'text/javascript; charset=utf-8' },
  'swagger-ui.css': { type: 'text/css; charset=utf-8' },
};

const hidden = { root: true, scope: 'none', tag: 'Documentation' } as const;

/** @param all every route, these here too; asked once they are all declared. */
export function documentationRoutes(all: () => readonly Route[]): (routes: Routes) => void {
  let document: string | undefined;
  return (routes) => {
    routes.add({
      ...hidden,
      method: 'GET',
      url: '/api/openapi.json',
      summary: 'This document',
      operationId: 'getOpenApi',
      produces: ['application/json'],
      run() {
        document ??= JSON.stringify(openApi(all(), VERSION));
        return new Content({ type: 'application/json; charset=utf-8', body: document, headers: LASTING });
      },
    });

    routes.add({
      ...hidden,
      method: 'GET',
      url: '/api/docs',
      summary: 'A page to read this document by',
      operationId: 'getDocumentation',
      produces: ['text/html'],
      run: () =>
        new Content({
          type: 'text/html; charset=utf-8',
          body: PAGE,
          headers: { ...LASTING, 'content-security-policy': POLICY, 'cross-origin-opener-policy': 'same-origin' },
        }),
    });

    routes.add({
      ...hidden,
      method: 'GET',
      url: '/api/docs/{file}',
      summary: 'A file of that page',
      operationId: 'getDocumentationFile',
      params: Type.Object({ file: Type.String({ maxLength: 64 }) }),
      produces: ['text/javascript', 'text/css'],
      failures: ['not-found'],
      async run({ params }) {
        const file = Object.hasOwn(FILES, params.file) ? FILES[params.file] : undefined;
        if (file === undefined) throw new HttpProblem('not-found', 'There is no such file');
        const body =
          file.text ?? (await readFile(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${params.file}`))));
        return new Content({ type: file.type, body, headers: LASTING });
      },
    });

    routes.add({
      ...hidden,
      method: 'GET',
      url: '/api/problems/{code}',
      summary: 'What a problem means',
      operationId: 'getProblem',
      params: Type.Object({ code: Type.String({ maxLength: 64 }) }),
      produces: ['text/plain'],
      failures: ['not-found'],
      run({ params }) {
        if (!Object.hasOwn(MEANING, params.code)) throw new HttpProblem('not-found', 'There is no such problem');
        const code = params.code as ProblemCode;
        return new Content({
          type: 'text/plain; charset=utf-8',
          body: `${code} (${PROBLEM_STATUS[code]}): ${MEANING[code]}\n`,
          headers: LASTING,
        });
      },
    });
  };
}

const LASTING = { 'cache-control': 'public, max-age=3600' };

export const MEANING: Readonly<Record<ProblemCode, string>> = {
  'bad-credentials': 'Nobody known: the token, password or session is missing, wrong, or no longer valid.',
  'bad-request': 'The input is not valid; `errors` names each place.',
  conflict: 'Somebody else changed it at the same time, or what was demanded of it does not hold. Read it again.',
  exists: 'The name or address is taken.',
  'limit-exceeded': 'Too many requests, wrong passwords, or things of a kind. `Retry-After` says when to try again.',
  loop: 'The message has been here before.',
  'mailbox-has-children': 'The mailbox has others below it.',
  moved: 'The account lives at another peer now.',
  'no-such-account': 'There is no such account.',
  'no-such-mailbox': 'The account has no such mailbox.',
  'no-such-message': 'The account has no such message.',
  'not-permitted': 'Not with these scopes, not from here, or not at all.',
  'over-quota': 'The account has no room for it.',
  rejected: 'Refused for good by this peer’s policy.',
  'too-large': 'The body is larger than this peer takes.',
  unavailable: 'For the moment; try again.',
  unsupported: 'This peer can not do that.',
  'not-found': 'There is nothing at this path, or nothing of that id in the account.',
  'method-not-allowed': 'Not with this method; `Allow` says with which.',
  'precondition-failed': '`If-Match` or `If-None-Match` does not hold: it has changed, or it is there already.',
  'unsupported-media-type': 'The body’s type is none that this takes; `Accept` says which.',
  'range-not-satisfiable': 'It has no such octets.',
  'second-factor-required': 'The password is right, and the account has a second factor: ask again, with a code.',
  'internal-error': 'A fault of this peer; its log knows the request by `requestId`.',
};
