/** A stream of draws with 128 bits of state: the same seed gives the same stream everywhere. */
export type Random = {
  /** The next 32 bits. */
  next(): number;
  /** From 0 to below 1, in steps of 2^-53 as Math.random. */
  unit(): number;
  /** A whole number from 0 to below `count`. */
  below(count: number): number;
  chance(probability: number): boolean;
  pick<Value>(values: readonly [Value, ...Value[]]): Value;
  /** That many hexadecimal digits. */
  hex(digits: number): string;
};

const MASK_64 = (1n << 64n) - 1n;

/** The next output of splitmix64 and its state (Steele, Lea, Flood 2014; constants by Vigna). */
export function splitMix64(state: bigint): { state: bigint; value: bigint } {
  const next = (state + 0x9e3779b97f4a7c15n) & MASK_64;
  let value = next;
  value = ((value ^ (value >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64;
  value = ((value ^ (value >> 27n)) * 0x94d049bb133111ebn) & MASK_64;
  return { state: next, value: value ^ (value >> 31n) };
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

/** xoshiro128** 1.1 (Blackman, Vigna 2018) from a state that is not all zero. */
export function xoshiro128(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state;
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
}

/** A stream for a whole-number seed; negative and huge seeds wrap at 64 bits. */
export function openRandom(seed: number): Random {
  const first = splitMix64(BigInt(Math.trunc(seed)) & MASK_64);
  const second = splitMix64(first.state);
  const low = (value: bigint): number => Number(value & 0xffffffffn);
  const next = xoshiro128([
    low(first.value),
    low(first.value >> 32n),
    low(second.value),
    low(second.value >> 32n),
  ]);
  const unit = (): number => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
  const below = (count: number): number => Math.floor(unit() * count);
  return {
    next,
    unit,
    below,
    chance: (probability) => unit() < probability,
    pick: (values) => values[below(values.length)] ?? values[0],
    hex: (digits) => Array.from({ length: digits }, () => below(16).toString(16)).join(""),
  };
}

/**
 * Runs a function of another package whose only randomness is Math.random on this stream. The
 * function must be synchronous: nothing else runs while Math.random is swapped.
 */
export function drawWith<Value>(random: Random, draw: () => Value): Value {
  const native = Math.random;
  Math.random = random.unit;
  try {
    return draw();
  } finally {
    Math.random = native;
  }
}
