/** Writes `docs/api.md` anew: `node imap-gateway/rest/write-docs.ts` after a change of a route. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiMarkdown } from './docs.ts';
import { openApi } from './openapi.ts';
import { allRoutes } from './routes.ts';

writeFileSync(join(import.meta.dirname, '../../docs/api.md'), apiMarkdown(openApi(allRoutes, '1')));
