/**
 * The files of the pages, read once: the modules of `web/` as they are written, Preact and htm as npm has them. Nothing is built: only the bare names in
 * imports become paths, which is what an import map would do if the policy let one stand in the page. All are below a path with a hash of everything, so
 * that modules of two versions are never mixed and browsers keep them for good.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { documentOf } from './document.ts';

export interface PageFile {
  readonly type: string;
  readonly etag: string;
  readonly identity: Buffer;
  readonly br: Buffer;
  readonly gzip: Buffer;
}

export interface Bundle {
  /** Of everything in it. */
  readonly hash: string;
  readonly user: PageFile;
  readonly admin: PageFile;
  /** By the path behind `/assets/HASH/`: `web/user.js`, `vendor/preact.mjs`. */
  readonly assets: ReadonlyMap<string, PageFile>;
}

/** Where they are served. */
export const ASSETS = '/assets/';
const WEB = fileURLToPath(new URL('../../web', import.meta.url));
const VENDOR: { readonly [specifier: string]: string } = {
  preact: 'vendor/preact.mjs',
  'preact/hooks': 'vendor/hooks.mjs',
  htm: 'vendor/htm.mjs',
};
const TYPES: { readonly [extension: string]: string } = {
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export async function loadBundle(): Promise<Bundle> {
  const sources = new Map([...(await ours()), ...(await vendors())]);
  const hash = digest([...sources].flat().join('\0'));
  const assets = new Map<string, PageFile>();
  for (const [path, source] of sources) {
    const isModule = path.endsWith('js');
    assets.set(path, await file(TYPES[extname(path)] ?? '', isModule ? withPaths(path, source) : source));
  }
  const page = (entry: string): Promise<PageFile> => {
    const modules = [...reach(entry, assets)].map((path) => `${ASSETS}${hash}/${path}`);
    return file('text/html; charset=utf-8', documentOf(modules, `${ASSETS}${hash}/web`));
  };
  return { hash, assets, user: await page('web/user.js'), admin: await page('web/admin.js') };
}

async function ours(): Promise<[string, string][]> {
  const found = await readdir(WEB, { recursive: true, withFileTypes: true });
  const files = found
    .filter((entry) => entry.isFile() && ['.js', '.css', '.svg'].includes(extname(entry.name)))
    .map((entry) => relative(WEB, `${entry.parentPath}/${entry.name}`).replaceAll('\\', '/'))
    .sort();
  return Promise.all(
    files.map(async (path): Promise<[string, string]> => [`web/${path}`, await readFile(`${WEB}/${path}`, 'utf8')]),
  );
}

function vendors(): Promise<[string, string][]> {
  return Promise.all(
    Object.entries(VENDOR).map(async ([specifier, path]): Promise<[string, string]> => {
      const source = await readFile(fileURLToPath(import.meta.resolve(specifier)), 'utf8');
      // Source maps are not served.
      return [path, source.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n')];
    }),
  );
}

const IMPORT = /(\b(?:from|import)\s*)(["'])([^"'\n]+)\2/g;

function withPaths(path: string, source: string): string {
  return source.replace(IMPORT, (all, keyword: string, quote: string, specifier: string) => {
    const vendor = Object.hasOwn(VENDOR, specifier) ? VENDOR[specifier] : undefined;
    if (vendor === undefined) return all;
    return `${keyword}${quote}./${posix.relative(posix.dirname(path), vendor)}${quote}`;
  });
}

/** Every module that an entry needs, itself first, so that the page can ask for all of them at once. */
function reach(entry: string, assets: ReadonlyMap<string, PageFile>): Set<string> {
  const found = new Set([entry]);
  for (const path of found) {
    const source = assets.get(path)?.identity.toString() ?? '';
    for (const [, , , specifier = ''] of source.matchAll(IMPORT)) {
      const target = posix.join(posix.dirname(path), specifier);
      if (assets.has(target)) found.add(target);
    }
  }
  return found;
}

const brotli = promisify(brotliCompress);
const deflate = promisify(gzip);

async function file(type: string, text: string): Promise<PageFile> {
  const identity = Buffer.from(text);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: identity.length,
  };
  const [br, zipped] = await Promise.all([brotli(identity, { params }), deflate(identity, { level: 9 })]);
  return { type, etag: `W/"${digest(text)}"`, identity, br, gzip: zipped };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
