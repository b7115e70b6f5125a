/**
 * `npm run bench -- NAME… [OPTIONS]`: runs the named benches, one after the other, each with the options behind the names (`--help` shows
 * them where there are any); without a name it lists them. Never part of `npm test`.
 */
const benches: { readonly [name: string]: () => Promise<{ run(options: readonly string[]): Promise<void> | void }> } = {
  delivery: () => import('./delivery/delivery.ts'),
  dkim: () => import('./dkim.ts'),
  engine: () => import('./delivery/engine.ts'),
  growth: () => import('./delivery/growth.ts'),
  imap: () => import('./imap/imap.ts'),
  mda: () => import('./mda.ts'),
  memory: () => import('./delivery/memory.ts'),
  mime: () => import('./mime.ts'),
  pop3: () => import('./pop3/pop3.ts'),
  relay: () => import('./delivery/relay.ts'),
  rest: () => import('./rest/rest.ts'),
  store: () => import('./store.ts'),
};

const first = process.argv.findIndex((word, i) => i >= 2 && word.startsWith('-'));
const names = process.argv.slice(2, first < 0 ? undefined : first);
const options = first < 0 ? [] : process.argv.slice(first);
const unknown = names.filter((name) => benches[name] === undefined);
if (names.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`No such bench: ${unknown.join(', ')}`);
  console.error(`Benches: ${Object.keys(benches).join(', ')}`);
  process.exitCode = 2;
} else {
  for (const name of names) {
    const bench = await benches[name]?.();
    await bench?.run(options);
  }
}
