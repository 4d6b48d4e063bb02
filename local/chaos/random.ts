import { createHash } from 'node:crypto';

/** A stream of numbers from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

/** One number for these words: the same on every machine, and independent of how often anybody asked before. */
export function draw(...words: readonly (string | number)[]): number {
  return digest(words).readUIntBE(0, 6) / 2 ** 48;
}

/** A stream of its own for these words (sfc32, seeded by their hash). */
export function createRandom(...words: readonly (string | number)[]): Random {
  const hash = digest(words);
  let [a, b, c, counter] = [hash.readInt32BE(0), hash.readInt32BE(4), hash.readInt32BE(8), hash.readInt32BE(12)];
  return () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
}

/** A whole number from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

export function pick<T>(random: Random, items: readonly [T, ...T[]]): T {
  return items[Math.floor(random() * items.length)] ?? items[0];
}

export function shuffle<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ item }) => item);
}

function digest(words: readonly (string | number)[]): Buffer {
  return createHash('sha256').update(words.join('\n')).digest();
}
