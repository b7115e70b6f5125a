/** `npm run bench -- NAME…`: runs the named benches, one after the other; without a name it lists them. Never part of `npm test`. */
const benches: { readonly [name: string]: () => Promise<{ run(): Promise<void> | void }> } = {
  mda: () => import('./mda.ts'),
  mime: () => import('./mime.ts'),
  store: () => import('./store.ts'),
};

const names = process.argv.slice(2);
const unknown = names.filter((name) => benches[name] === undefined);
if (names.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`No such bench: ${unknown.join(', ')}`);
  console.error(`Benches: ${Object.keys(benches).join(', ')}`);
  process.exitCode = 2;
} else {
  for (const name of names) {
    const bench = await benches[name]?.();
    await bench?.run();
  }
}
