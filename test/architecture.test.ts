/** The rules of DESIGN §1 as tests: who may import whom, what codecs and sessions must not touch, and how large a file may grow. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const root = resolve(import.meta.dirname, '..');
const rooms = [
  'mail',
  'config',
  'runtime',
  'store',
  'admin',
  'transfer',
  'mta',
  'mda',
  'imap-gateway',
  'web',
  'scripts',
  'test',
] as const;
type Room = (typeof rooms)[number];

interface Source {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly room: Room;
  readonly text: string;
  readonly lines: number;
  /** Relative paths of our own files, and bare names of everything else (`node:net`, `pino`). */
  readonly imports: readonly string[];
}

function sources(): Source[] {
  const found: Source[] = [];
  for (const room of rooms) {
    for (const entry of readdirSync(join(root, room), { recursive: true, withFileTypes: true })) {
      // The pages are plain JavaScript: what is served is what is written.
      if (!entry.isFile() || !(entry.name.endsWith('.ts') || (room === 'web' && entry.name.endsWith('.js')))) continue;
      const full = join(entry.parentPath, entry.name);
      const text = readFileSync(full, 'utf8');
      found.push({
        path: relative(root, full).replaceAll('\\', '/'),
        room,
        text,
        lines: text.split('\n').length - 1,
        imports: importsOf(full, text),
      });
    }
  }
  return found;
}

function importsOf(file: string, text: string): string[] {
  const specifiers = [...text.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\()'([^']+)'/g)].map((m) => m[1] as string);
  return specifiers.map((s) => {
    if (s.startsWith('.')) return relative(root, resolve(dirname(file), s)).replaceAll('\\', '/');
    if (s.startsWith('#')) return s.slice(1);
    return s;
  });
}

const all = sources();
const isTest = (s: Source) => /\.(test|testkit)\.ts$/.test(s.path) || s.room === 'test';
const product = all.filter((s) => !isTest(s));
const roomOf = (path: string): Room | undefined => rooms.find((r) => path.startsWith(`${r}/`));

/** Which rooms a room may import; itself always. */
const mayImport: Record<Room, readonly Room[]> = {
  mail: [],
  config: ['mail'],
  runtime: ['mail', 'config'],
  store: ['mail', 'runtime'],
  mta: ['mail', 'runtime', 'store', 'config'],
  mda: ['mail', 'runtime', 'store', 'config'],
  admin: ['mail', 'runtime', 'store', 'config'],
  transfer: ['mail', 'runtime', 'store', 'config'],
  'imap-gateway': ['mail', 'runtime', 'store', 'config', 'admin', 'transfer'],
  web: [],
  scripts: ['mail', 'runtime', 'store', 'config', 'admin', 'transfer'],
  test: ['mail', 'runtime', 'store', 'mta', 'mda', 'imap-gateway', 'config', 'admin', 'transfer', 'web', 'scripts'],
};

/** What a command does with somebody's mail is an operation of REST, run without HTTP: by this door, and no other. */
const doors: readonly (readonly [room: Room, to: string])[] = [['scripts', 'imap-gateway/rest/call.ts']];

test('rooms import only the rooms below them, and programs never one another', () => {
  const wrong = product.flatMap((s) =>
    s.imports
      .map((to) => ({ to, room: roomOf(to) }))
      .filter(({ room }) => room !== undefined && room !== s.room && !mayImport[s.room].includes(room))
      .filter(({ to }) => !doors.some(([room, door]) => room === s.room && door === to))
      .map(({ to }) => `${s.path} imports ${to}`),
  );
  assert.deepEqual(wrong, []);
});

test('mail/ is pure: no I/O, no timers, no process', () => {
  const allowed = new Set(['node:buffer', 'node:crypto', 'node:util', 'node:url', 'node:zlib']);
  const wrong = product
    .filter((s) => s.room === 'mail')
    .flatMap((s) => [
      ...s.imports.filter((i) => roomOf(i) === undefined && !allowed.has(i)).map((i) => `${s.path} imports ${i}`),
      ...(/\b(setTimeout|setInterval|setImmediate|process\.)/.test(s.text) ? [`${s.path} uses timers or process`] : []),
    ]);
  assert.deepEqual(wrong, []);
});

test('sessions and commands know no sockets, files or backends', () => {
  const inner =
    /^(mta\/server\/(session|commands\/)|mda\/lmtp\/(session|commands\/)|imap-gateway\/imap\/(session|numbering|commands\/|grammar\/|response\/|framer)|imap-gateway\/pop3\/(session|commands\/|grammar))/;
  const banned = /^(node:(net|tls|fs|dgram|http|sqlite|worker_threads)|store\/(memory|sqlite|mongodb)\/)/;
  const wrong = product
    .filter((s) => inner.test(s.path))
    .flatMap((s) => s.imports.filter((i) => banned.test(i)).map((i) => `${s.path} imports ${i}`));
  assert.deepEqual(wrong, []);
});

test('only main.ts, scripts and the store itself pick a backend', () => {
  const wrong = product
    .filter((s) => s.room !== 'store' && s.room !== 'scripts' && !s.path.endsWith('/main.ts'))
    .flatMap((s) =>
      s.imports.filter((i) => /^store\/(memory|sqlite|mongodb)\//.test(i)).map((i) => `${s.path} imports ${i}`),
    );
  assert.deepEqual(wrong, []);
});

/** Where the process itself is the subject. */
const processIsTheSubject =
  /(^scripts\/|\/main\.ts$|^runtime\/(program|fault-points|supervisor\/|system|logger|tls\/|child-))/;

test('only main.ts, scripts and the runtime of processes touch process', () => {
  const wrong = product
    .filter(
      (s) =>
        !processIsTheSubject.test(s.path) &&
        /\bprocess\.(env|argv|exit|kill|on|once|stdout|stderr|stdin|cwd)\b/.test(s.text),
    )
    .map((s) => s.path);
  assert.deepEqual(wrong, []);
});

test('there are no import cycles', () => {
  const graph = new Map(product.map((s) => [s.path, s.imports.filter((i) => roomOf(i) !== undefined)]));
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    state.set(path, 'open');
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of graph.keys()) visit(path, []);
  assert.deepEqual(cycles, []);
});

/** Files over 400 lines, each with the reason why it is not split. */
const largeFiles: Record<string, string> = {};

test('no file grows over 400 lines without a reason, and the median stays small', () => {
  const wrong = product
    .filter((s) => s.lines > 400 && largeFiles[s.path] === undefined)
    .map((s) => `${s.path}: ${s.lines}`);
  assert.deepEqual(wrong, []);
  const sizes = product.map((s) => s.lines).sort((a, b) => a - b);
  assert.ok((sizes[Math.floor(sizes.length / 2)] ?? 0) <= 150, 'the median file has at most 150 lines');
});

test('only erasable TypeScript, and no escapes from the type checker', () => {
  const wrong = all
    .filter((s) => s.path !== 'test/architecture.test.ts')
    .filter((s) =>
      /^\s*(export\s+)?(const\s+)?enum\s|^\s*(export\s+)?namespace\s|@ts-ignore|@ts-nocheck|\bas any\b/m.test(s.text),
    )
    .map((s) => s.path);
  assert.deepEqual(wrong, []);
});

test('each room has a README', () => {
  const missing = rooms
    .filter((room) => room !== 'scripts')
    .filter((room) => !readdirSync(join(root, room)).includes('README.md'));
  assert.deepEqual(missing, []);
});

test('the lock file names the optional packages of every platform, without which npm ci refuses', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const wanted = Object.values(packages).flatMap((p) => Object.keys(p.optionalDependencies ?? {}));
  const missing = wanted.filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)));
  assert.deepEqual(missing, []);
});
