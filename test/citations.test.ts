/** Whoever follows a citation finds something: sections of docs/STORE.md and docs/DESIGN.md that are named anywhere exist, and so do files that pages link to. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

const root = resolve(import.meta.dirname, '..');
const files = globSync(
  '{*,{admin,config,docs,imap-gateway,mail,mda,mta,runtime,scripts,store,test,transfer,web}/**/*}.{ts,js,md,txt,dialog}',
  {
    cwd: root,
    exclude: (path) => path.includes('test/fixture'),
  },
).map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

test('STORE.md and DESIGN are cited by sections that exist', () => {
  const sections = (name: string): Set<string> =>
    new Set([...readFileSync(join(root, 'docs', name), 'utf8').matchAll(/^## (\d+)\. /gm)].map(([, n]) => n as string));
  const known = { STORE: sections('STORE.md'), DESIGN: sections('DESIGN.md') };
  let cited = 0;
  const missing = files.flatMap(({ path, text }) =>
    // `STORE.md §2`, `STORE.md §3, §5`, `STORE.md §2 to §5`
    [...text.matchAll(/\b(STORE|DESIGN)(?:\.md)?(?:\)|`)* (§\d+(?:(?:, | to | and |–)§\d+)*)/g)].flatMap(
      ([all, name, list]) => {
        cited++;
        const numbers = [...(list as string).matchAll(/\d+/g)].map(([n]) => n);
        return numbers.every((n) => known[name as keyof typeof known].has(n)) ? [] : [`${path}: ${all}`];
      },
    ),
  );
  assert.deepEqual(missing, []);
  assert.ok(cited > 50, `${cited} citations were found`);
});

test('links of pages lead to files', () => {
  const broken = files
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)(?:#[^)]*)?\)/g)]
        .filter(([, to]) => !existsSync(join(root, dirname(path), to as string)))
        .map(([, to]) => `${path}: ${to}`),
    );
  assert.deepEqual(broken, []);
});
