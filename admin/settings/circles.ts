/** Where aliases lead: in circles, and how deep. */
import { readAlias } from '#store/directory-names.ts';
import type { Settings } from './settings.ts';

/** An alias that leads back to itself, if there is one. */
export function circleOf(aliases: Settings['aliases']): string | undefined {
  const targets = targetsOf(aliases);
  const state = new Map<string, 'open' | 'done'>();
  const visit = (name: string): string | undefined => {
    const next = targets.get(name);
    if (next === undefined || state.get(name) === 'done') return undefined;
    if (state.get(name) === 'open') return name;
    state.set(name, 'open');
    for (const target of next) {
      const circle = visit(target);
      if (circle !== undefined) return circle;
    }
    state.set(name, 'done');
    return undefined;
  };
  for (const name of targets.keys()) {
    const circle = visit(name);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/** How many aliases an alias leads through at most. */
export function depthsOf(aliases: Settings['aliases']): ReadonlyMap<string, number> {
  const targets = targetsOf(aliases);
  const depth = new Map<string, number>();
  const measure = (name: string): number => {
    const next = targets.get(name);
    if (next === undefined) return -1;
    const known = depth.get(name);
    if (known !== undefined) return known;
    // In a circle, which is a problem of its own, it ends here.
    depth.set(name, 0);
    const found = 1 + Math.max(...next.map(measure));
    depth.set(name, found);
    return found;
  };
  for (const name of targets.keys()) measure(name);
  return depth;
}

function targetsOf(aliases: Settings['aliases']): ReadonlyMap<string, readonly string[]> {
  const names = (texts: readonly string[]): readonly string[] => texts.map((text) => readAlias(text).name);
  return new Map(aliases.map(({ address, targets }) => [readAlias(address).name, names(targets)]));
}
