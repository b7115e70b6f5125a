/**
 * FETCH over many messages of what stands finished in packed blocks (store/packed.ts): octets are copied from there into large pages for
 * the socket, and nothing else is made for a message. What a block doesn't have is left to the rows.
 */
import { eachField, type PackedBlock, type PackedCells, type PackedColumn, packedFieldNumbers } from '#store/packed.ts';
import type { Uid, UidSet } from '#store/types.ts';
import { fromUids } from '#store/uid-set.ts';
import { formatDateTime } from '../../grammar/date.ts';
import type { FetchItem } from '../../grammar/fetch.ts';
import type { Numbering, NumberRange } from '../../numbering.ts';
import type { PageWriter } from '../../response/page-writer.ts';
import type { FetchPlan } from './plan.ts';
import { formatSection } from './section.ts';

/** Writes one item of message `i` of a block. */
type Step = (page: PageWriter, block: PackedBlock, i: number) => void;

export interface PackedPlan {
  readonly columns: readonly PackedColumn[];
  readonly steps: readonly Step[];
}

/** `undefined` when something is asked that blocks don't have. */
export function planPacked(plan: FetchPlan): PackedPlan | undefined {
  const columns = new Set<PackedColumn>();
  const steps: Step[] = [];
  for (const item of plan.items) {
    const step = stepFor(item, columns);
    if (step === undefined) return undefined;
    steps.push(step);
  }
  return { columns: [...columns], steps };
}

const FINISHED = { ENVELOPE: 'envelope', BODY: 'body', BODYSTRUCTURE: 'bodystructure' } as const;

function stepFor(item: FetchItem, columns: Set<PackedColumn>): Step | undefined {
  switch (item.item) {
    case 'ENVELOPE':
    case 'BODY':
    case 'BODYSTRUCTURE': {
      const column = FINISHED[item.item];
      columns.add(column);
      return finished(`${item.item} `, column);
    }
    case 'RFC822.SIZE':
      return (page, { head }, i) => page.text(`RFC822.SIZE ${head.sizes[i]}`);
    case 'INTERNALDATE':
      return (page, { head }, i) =>
        page.text(`INTERNALDATE ${formatDateTime({ time: head.times[i]!, zone: head.zones[i]! })}`);
    case 'SECTION':
      return fields(item, columns);
    default:
      return undefined;
  }
}

const startOf = ({ ends }: PackedCells, i: number): number => (i === 0 ? 0 : ends[i - 1]!);

function finished(name: string, column: PackedColumn): Step {
  return (page, block, i) => {
    const cells = block.columns[column]!;
    page.text(name);
    page.octets(cells.bytes, startOf(cells, i), cells.ends[i]!);
  };
}

/** `BODY.PEEK[HEADER.FIELDS (…)]` of fields that are packed. */
function fields(item: Extract<FetchItem, { item: 'SECTION' }>, columns: Set<PackedColumn>): Step | undefined {
  const { section, partial, peek } = item;
  if (!peek || partial !== undefined || section.part.length > 0 || section.text !== 'HEADER.FIELDS') return undefined;
  const wanted = section.fields && packedFieldNumbers(section.fields);
  if (wanted === undefined) return undefined;
  columns.add('fields');
  const label = `BODY[${formatSection(section)}] {`;
  return (page, block, i) => {
    const cells = block.columns.fields!;
    const start = startOf(cells, i);
    const end = cells.ends[i]!;
    let length = 2;
    eachField(cells, start, end, wanted, (from, to) => {
      length += to - from;
    });
    page.text(`${label}${length}}\r\n`);
    eachField(cells, start, end, wanted, (from, to) => page.octets(cells.bytes, from, to));
    // RFC 9051 §6.4.5.1: the empty line is always there, also when no field matched.
    page.text('\r\n');
  };
}

export interface PackedFetch {
  readonly plan: PackedPlan;
  readonly ranges: readonly NumberRange[];
  readonly numbering: Numbering;
  /** UID, FLAGS and MODSEQ, as far as they are asked for. */
  readonly fromView: (uid: Uid) => string;
}

/** Goes through what is asked and the blocks side by side; both ascend. */
export class PackedAnswer {
  readonly #fetch: PackedFetch;
  readonly #missing: Uid[] = [];
  #range = 0;
  #number: number;
  served = 0;

  constructor(fetch: PackedFetch) {
    this.#fetch = fetch;
    this.#number = fetch.ranges[0]?.[0] ?? 0;
  }

  write(page: PageWriter, block: PackedBlock): void {
    const { uids } = block.head;
    for (let i = 0; i < uids.length; i++) {
      const uid = uids[i]!;
      let asked = this.#uid();
      for (; asked !== undefined && asked < uid; asked = this.#uid()) this.#miss(asked);
      if (asked === undefined) return;
      if (asked === uid) this.#message(page, block, i, uid);
    }
  }

  /** Called behind the last block; what was asked and not answered. */
  missing(): UidSet {
    for (let asked = this.#uid(); asked !== undefined; asked = this.#uid()) this.#miss(asked);
    return fromUids(this.#missing);
  }

  #message(page: PageWriter, block: PackedBlock, i: number, uid: Uid): void {
    const { plan, fromView } = this.#fetch;
    const view = fromView(uid);
    page.text(`* ${this.#number} FETCH (${view}`);
    let first = view === '';
    for (const step of plan.steps) {
      if (!first) page.text(' ');
      first = false;
      step(page, block, i);
    }
    page.text(')\r\n');
    this.served++;
    this.#next();
  }

  #miss(uid: Uid): void {
    this.#missing.push(uid);
    this.#next();
  }

  /** The next UID that was asked for. */
  #uid(): Uid | undefined {
    return this.#range < this.#fetch.ranges.length ? this.#fetch.numbering.uid(this.#number) : undefined;
  }

  #next(): void {
    const { ranges } = this.#fetch;
    if (this.#number < ranges[this.#range]![1]) {
      this.#number++;
      return;
    }
    this.#range++;
    this.#number = ranges[this.#range]?.[0] ?? 0;
  }
}
