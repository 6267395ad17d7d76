/**
 * Decisions that labels may still join, as typed arrays in one ring: entry n lies at n & mask, its
 * scores at (n & mask) * stride. An index finds the newest entry of an id hash, `prev` the one
 * before it. About 80 bytes a decision with its share of the index.
 */
export type Held = {
  /** Entries [first, end) are held. */
  first: number;
  end: number;
  mask: number;
  /** Scores of an entry at the most. */
  stride: number;
  keyLow: Int32Array;
  keyHigh: Int32Array;
  time: Float64Array;
  vmLow: Uint32Array;
  vmHigh: Uint32Array;
  seq: Uint32Array;
  /** Number of its table. */
  table: Uint32Array;
  /** Another decision of its id is near. */
  crowded: Uint8Array;
  /** Labels by id that joined. */
  joined: Uint8Array;
  scores: Uint8Array;
  /** Entry + 1 of the same id before it, 0 none. */
  prev: Float64Array;
  segment: Uint16Array;
  bin: Uint16Array;
  /** Labels and arm: join.ts draws the bits. */
  mark: Uint8Array;
  /** Open addressing: entry + 1 of the newest of its id, 0 free. */
  slots: Float64Array;
  used: number;
};

const FIRST_CAPACITY = 1_024;
const PER_ENTRY = [
  "keyLow",
  "keyHigh",
  "time",
  "vmLow",
  "vmHigh",
  "seq",
  "table",
  "crowded",
  "joined",
  "scores",
  "prev",
] as const;
const PER_SCORE = ["segment", "bin", "mark"] as const;

function allocate(capacity: number, stride: number): Omit<Held, "first" | "end" | "used"> {
  return {
    mask: capacity - 1,
    stride,
    keyLow: new Int32Array(capacity),
    keyHigh: new Int32Array(capacity),
    time: new Float64Array(capacity),
    vmLow: new Uint32Array(capacity),
    vmHigh: new Uint32Array(capacity),
    seq: new Uint32Array(capacity),
    table: new Uint32Array(capacity),
    crowded: new Uint8Array(capacity),
    joined: new Uint8Array(capacity),
    scores: new Uint8Array(capacity),
    prev: new Float64Array(capacity),
    segment: new Uint16Array(capacity * stride),
    bin: new Uint16Array(capacity * stride),
    mark: new Uint8Array(capacity * stride),
    slots: new Float64Array(2 * capacity),
  };
}

export function createHeld(): Held {
  return { first: 0, end: 0, used: 0, ...allocate(FIRST_CAPACITY, 1) };
}

/** Murmur3's last mix; ids are hashed under a key already, keys of forged ones are too. */
function slotOf(held: Held, low: number, high: number): number {
  let hash = low ^ Math.imul(high, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) & (held.slots.length - 1);
}

function isEntryOf(held: Held, n: number, low: number, high: number): boolean {
  const at = n & held.mask;
  return n >= held.first && held.keyLow[at] === low && held.keyHigh[at] === high;
}

/**
 * The slot of an id hash, or where it belongs: the first slot whose entry has left, else the free
 * one that ends the search.
 */
function findSlot(held: Held, low: number, high: number): number {
  const last = held.slots.length - 1;
  let left = -1;
  let slot = slotOf(held, low, high);
  for (; held.slots[slot] !== 0; slot = (slot + 1) & last) {
    const n = (held.slots[slot] ?? 0) - 1;
    if (isEntryOf(held, n, low, high)) return slot;
    if (n < held.first && left < 0) left = slot;
  }
  return left < 0 ? slot : left;
}

/** The newest entry of an id hash, or -1. */
export function findNewest(held: Held, low: number, high: number): number {
  const n = (held.slots[findSlot(held, low, high)] ?? 0) - 1;
  return n >= held.first ? n : -1;
}

/** The entry of the same id before this one, or -1. */
export function findPrevious(held: Held, n: number): number {
  const before = (held.prev[n & held.mask] ?? 0) - 1;
  return before >= held.first ? before : -1;
}

/** Makes the entry the newest of its id. */
function index(held: Held, n: number): void {
  const at = n & held.mask;
  const slot = findSlot(held, held.keyLow[at] ?? 0, held.keyHigh[at] ?? 0);
  const former = held.slots[slot] ?? 0;
  if (former === 0) held.used++;
  held.slots[slot] = n + 1;
  // The slot of an entry that left may have been of another id.
  held.prev[at] = former > held.first ? former : 0;
}

function reindex(held: Held): void {
  held.slots.fill(0);
  held.used = 0;
  for (let n = held.first; n < held.end; n++) index(held, n);
}

type Numbers = Int32Array | Uint32Array | Float64Array | Uint16Array | Uint8Array;
/** An array of the ring with so many places for each entry. */
type Lane = { array: Numbers; stride: number };

/** Copies the entries [first, end), as many at once as lie in one piece here and there. */
function moveEntries({ first, end }: Held, from: Lane, to: Lane): void {
  const [here, there] = [from, to].map(({ array, stride }) => array.length / stride);
  const isAlike = from.stride === to.stride;
  for (let n = first; n < end; ) {
    const [source, target] = [n % (here ?? 1), n % (there ?? 1)];
    const piece = Math.min(end - n, (here ?? 1) - source, (there ?? 1) - target);
    const length = isAlike ? piece : 1;
    const at = source * from.stride;
    to.array.set(from.array.subarray(at, at + length * from.stride), target * to.stride);
    n += length;
  }
}

/** Moves everything into a larger ring. */
function grow(held: Held, capacity: number, stride: number): void {
  const old = { ...held };
  Object.assign(held, allocate(capacity, stride));
  for (const name of PER_ENTRY) {
    moveEntries(held, { array: old[name], stride: 1 }, { array: held[name], stride: 1 });
  }
  for (const name of PER_SCORE) {
    moveEntries(held, { array: old[name], stride: old.stride }, { array: held[name], stride });
  }
  reindex(held);
}

/** Takes an entry's room at the end; its place in the arrays. Fill it in, then `indexEntry`. */
export function addEntry(held: Held, scores: number): number {
  const capacity = held.mask + 1;
  const isFull = held.end - held.first === capacity;
  if (isFull || scores > held.stride) {
    grow(held, isFull ? 2 * capacity : capacity, Math.max(held.stride, scores));
  }
  return held.end++ & held.mask;
}

/** Makes the newest entry findable by its id hash. */
export function indexEntry(held: Held): void {
  // A quarter of the slots stays free: probes end soon.
  if (held.used * 4 > held.slots.length * 3) reindex(held);
  else index(held, held.end - 1);
}

/** Lets go of the entries before n. */
export function releaseBefore(held: Held, n: number): void {
  held.first = Math.max(held.first, Math.min(n, held.end));
}

function copyEntry(held: Held, source: number, to: number): void {
  for (const name of PER_ENTRY) held[name][to] = held[name][source] ?? 0;
  for (const name of PER_SCORE) {
    const from = source * held.stride;
    held[name].copyWithin(to * held.stride, from, from + held.stride);
  }
}

/** Keeps of the entries from n on only those that pass; they move together. */
export function thinFrom(held: Held, from: number, keeps: (place: number) => boolean): void {
  const end = held.end;
  held.end = from;
  for (let n = from; n < end; n++) {
    const source = n & held.mask;
    if (!keeps(source)) continue;
    const to = held.end++ & held.mask;
    if (to !== source) copyEntry(held, source, to);
  }
  reindex(held);
}
