export type Member = {
  id: string;
  /** What it had in the generation before. */
  owned: readonly number[];
};

/**
 * Partitions 0 to `count - 1` by member: shares differ by one at most, and each keeps of its own
 * what its share allows, the lowest first. Every member computes the same.
 */
export function assignPartitions(
  members: readonly Member[],
  count: number,
): ReadonlyMap<string, number[]> {
  const order = members.toSorted(
    (a, b) => b.owned.length - a.owned.length || (a.id < b.id ? -1 : 1),
  );
  const free = new Set(Array.from({ length: count }, (_, partition) => partition));
  const shareOf = (rank: number): number =>
    Math.floor(count / order.length) + (rank < count % order.length ? 1 : 0);
  const assigned = new Map<string, number[]>();
  for (const [rank, { id, owned }] of order.entries()) {
    const own = [...new Set(owned)].filter((partition) => free.has(partition));
    const kept = own.toSorted((a, b) => a - b).slice(0, shareOf(rank));
    for (const partition of kept) free.delete(partition);
    assigned.set(id, kept);
  }
  const left = [...free];
  for (const [rank, { id }] of order.entries()) {
    const kept = assigned.get(id) ?? [];
    const more = left.splice(0, shareOf(rank) - kept.length);
    assigned.set(
      id,
      [...kept, ...more].toSorted((a, b) => a - b),
    );
  }
  return assigned;
}
