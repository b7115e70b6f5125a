/**
 * Makes a commit all or nothing: whatever a mutation changes, it changes through here, and each step notes how to take it back.
 * Steps are undone in reverse order, so that each finds the state that it left.
 */
import type { Random } from '#runtime/ambient.ts';
import type { ChangeRecord } from '../change.ts';
import type { AccountId, ModSeq } from '../types.ts';
import type { Account, State } from './state.ts';

export class Transaction {
  readonly #undo: (() => void)[] = [];

  /** Sets fields of an object. */
  assign<T extends object>(target: T, fields: Partial<T>): void {
    const before: Partial<T> = {};
    for (const key of Object.keys(fields) as (keyof T)[]) before[key] = target[key];
    this.#undo.push(() => Object.assign(target, before));
    Object.assign(target, fields);
  }

  push<T>(array: T[], item: T): void {
    this.#undo.push(() => array.pop());
    array.push(item);
  }

  set<K, V>(map: Map<K, V>, key: K, value: V): void {
    const before = map.get(key);
    this.#undo.push(before === undefined ? () => map.delete(key) : () => map.set(key, before));
    map.set(key, value);
  }

  remove<K, V>(map: Map<K, V>, key: K): void {
    const before = map.get(key);
    if (before === undefined) return;
    this.#undo.push(() => map.set(key, before));
    map.delete(key);
  }

  include<T>(set: Set<T>, item: T): void {
    if (set.has(item)) return;
    this.#undo.push(() => set.delete(item));
    set.add(item);
  }

  exclude<T>(set: Set<T>, item: T): void {
    if (set.delete(item)) this.#undo.push(() => set.add(item));
  }

  rollback(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }
}

/** What one mutation gets to work with. */
export interface Work {
  readonly tx: Transaction;
  readonly state: State;
  readonly owner: AccountId;
  readonly account: Account;
  /** This commit's. */
  readonly modseq: ModSeq;
  readonly now: number;
  readonly random: Random;
  readonly records: ChangeRecord[];
}
