/** Writes the generated pages anew: `node config/write-docs.ts` after a change of the schema. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exampleToml, referenceMarkdown } from './docs.ts';

writeFileSync(join(import.meta.dirname, 'example.toml'), exampleToml());
writeFileSync(join(import.meta.dirname, 'reference.md'), referenceMarkdown());
