/** Changes recorded inputs: octets, words, lines, numbers, order, and repetition. */
import type { FuzzRandom } from './random.ts';

/** Inputs are kept below this, so that what takes long takes long for its size. */
const MOST = 32_768;
const OCTETS = [
  0, 9, 10, 13, 32, 34, 40, 41, 42, 46, 58, 60, 61, 62, 64, 91, 92, 93, 123, 125, 127, 128, 194, 239, 255,
];
const NUMBERS = [
  '0',
  '1',
  '-1',
  '00',
  '255',
  '65536',
  '2147483648',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '1e9',
  '99999999999999999999',
];

type Mutation = (input: Buffer, random: FuzzRandom, seeds: readonly Buffer[], dictionary: readonly string[]) => Buffer;

const replace = (input: Buffer, start: number, end: number, by: Uint8Array | string): Buffer =>
  Buffer.concat([input.subarray(0, start), Buffer.from(by as string, 'latin1'), input.subarray(end)]);

function range(input: Buffer, random: FuzzRandom, most: number): [start: number, end: number] {
  const start = random.below(input.length + 1);
  return [start, Math.min(input.length, start + random.below(most))];
}

/** A line with its end, or several. */
function lines(input: Buffer, random: FuzzRandom): [start: number, end: number] {
  const from = input.lastIndexOf(10, random.below(input.length + 1)) + 1;
  let end = from;
  for (let count = 1 + random.below(3); count > 0; count -= 1) {
    const lf = input.indexOf(10, end);
    end = lf < 0 ? input.length : lf + 1;
  }
  return [from, end];
}

const MUTATIONS: readonly Mutation[] = [
  (input, random) => replace(input, ...range(input, random, 2), Buffer.of(random.pick(OCTETS))),
  (input, random) => replace(input, ...range(input, random, 2), Buffer.of(random.below(256))),
  (input, random) => replace(input, ...range(input, random, random.pick([2, 20, 500])), ''),
  (input, random, _, words) => replace(input, ...range(input, random, 2), words.length > 0 ? random.pick(words) : ''),
  (input, random, _, words) => {
    const [start, end] = range(input, random, 12);
    return replace(input, start, end, words.length > 0 ? random.pick(words) : '');
  },
  (input, random) => replace(input, ...lines(input, random), ''),
  (input, random) => {
    const [start, end] = lines(input, random);
    const at = lines(input, random)[0];
    return replace(input, at, at, input.subarray(start, end));
  },
  (input, random, seeds) => {
    const other = random.pick(seeds);
    const [start, end] = random.chance(50) ? lines(other, random) : range(other, random, 200);
    const at = random.chance(70) ? lines(input, random)[0] : random.below(input.length + 1);
    return replace(input, at, at, other.subarray(start, end));
  },
  (input, random) => {
    const [start, end] = range(input, random, 20);
    return replace(
      input,
      end,
      end,
      Buffer.from(
        input
          .subarray(start, end)
          .toString('latin1')
          .repeat(random.pick([2, 10, 300])),
        'latin1',
      ),
    );
  },
  (input, random) => {
    const numbers = [...input.toString('latin1').matchAll(/\d+/g)];
    if (numbers.length === 0) return input;
    const found = random.pick(numbers);
    return replace(input, found.index, found.index + found[0].length, random.pick(NUMBERS));
  },
  (input, random) => input.subarray(0, random.below(input.length + 1)),
];

export function mutate(random: FuzzRandom, seeds: readonly Buffer[], dictionary: readonly string[]): Buffer {
  let input: Buffer = random.pick(seeds);
  // Now and then the recording itself, in other pieces.
  for (let count = random.chance(3) ? 0 : 1 + random.below(random.pick([2, 4, 12])); count > 0; count -= 1) {
    input = random.pick(MUTATIONS)(input, random, seeds, dictionary).subarray(0, MOST);
  }
  return Buffer.from(input);
}
