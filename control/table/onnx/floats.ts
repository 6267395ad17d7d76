/** Float32 arithmetic on thresholds: exact steps to the neighbours. */

const FLOATS = new Float32Array(1);
const WORDS = new Int32Array(FLOATS.buffer);

export const F32_MAX = 3.4028234663852886e38;

/** The float32 just below a float32; below 0 comes the negative of the smallest subnormal. */
export function floatBelow(value: number): number {
  FLOATS[0] = value;
  const word = WORDS[0] ?? 0;
  if (value === 0) return -(2 ** -149);
  WORDS[0] = value > 0 ? word - 1 : word + 1;
  return FLOATS[0] ?? value;
}

/** The largest float32 not above a double. */
export function roundDown(value: number): number {
  const rounded = Math.fround(value);
  return rounded > value ? floatBelow(rounded) : rounded;
}

/** The largest float32 below a double. */
export function roundBelow(value: number): number {
  const rounded = roundDown(value);
  return rounded === value ? floatBelow(rounded) : rounded;
}
