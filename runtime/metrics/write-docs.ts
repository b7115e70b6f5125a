/** Writes `docs/metrics.md` anew: `node runtime/metrics/write-docs.ts` after a change of the declarations. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { metricsMarkdown } from './docs.ts';

const folder = join(import.meta.dirname, '../../docs');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'metrics.md'), metricsMarkdown());
