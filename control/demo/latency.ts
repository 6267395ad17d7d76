/** The value that share `q` of the sorted values do not exceed (nearest rank); null without any. */
export function quantileOf(sorted: readonly number[], q: number): number | null {
  if (sorted.length === 0) return null;
  const rank = Math.max(1, Math.ceil(q * sorted.length));
  return sorted[rank - 1] ?? null;
}

const round = (value: number | null): number | null =>
  value === null ? null : Math.round(value * 100) / 100;

/** Median and 99th percentile, in the unit of the values, to two places. */
export function summarizeLatency(values: readonly number[]): {
  p50: number | null;
  p99: number | null;
} {
  const sorted = Float64Array.from(values).sort();
  return { p50: round(quantileOf([...sorted], 0.5)), p99: round(quantileOf([...sorted], 0.99)) };
}
