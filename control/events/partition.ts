const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;

/** Murmur2 as Kafka's own clients compute it, so that one key means one partition everywhere. */
function hashKey(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const whole = key.length & ~3;
  let hash = SEED ^ key.length;
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(view.getInt32(at, true), MIX);
    word = Math.imul(word ^ (word >>> 24), MIX);
    hash = Math.imul(hash, MIX) ^ word;
  }
  for (let at = key.length - 1; at >= whole; at--) hash ^= view.getUint8(at) << (8 * (at - whole));
  if (whole < key.length) hash = Math.imul(hash, MIX);
  hash = Math.imul(hash ^ (hash >>> 13), MIX);
  return hash ^ (hash >>> 15);
}

/** The partition of a key; null goes to partition 0. */
export function choosePartition(key: Uint8Array | null, partitions: number): number {
  if (key === null || partitions === 1) return 0;
  return (hashKey(key) & 0x7fffffff) % partitions;
}
