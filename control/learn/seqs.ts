/**
 * Which records of each VM have been seen: duplicates by (node, vm, seq), loss by gaps in seq.
 * Gaps are kept as ranges, so memory follows the number of gaps and not their width: a long
 * stream, logged hours after its decision, costs one range while it is open.
 */

/** VMs remembered; the one unheard of for longest is retired. A worker's VM is one. */
export const VMS_MAX = 4_096;
/** Gaps remembered of a VM; above it the oldest is given up as lost. */
export const GAPS_MAX = 4_096;

export type VmSeqs = {
  node: string;
  vm: bigint;
  /** Lowest and highest seq seen, unwrapped: u32 numbers go round after 2^32 records. */
  low: number;
  high: number;
  /** Missing between them: first and last of each gap by turns, ascending. Flat: a VM whose records
   * are spread over many partitions has thousands in each. */
  gaps: number[];
  /** Records in gaps that were given up. */
  closedMissing: number;
};

export type Seqs = {
  /** By node and vm, longest unheard first. */
  vms: Map<string, VmSeqs>;
  retiredMissing: number;
  retiredUnseen: number;
};

/** `late`: it lies in a gap that was given up, so whether it is new is not known any more. */
export type Arrival = "new" | "duplicate" | "late";

export type Loss = {
  /** Records in gaps: lost, or of requests that are still open. */
  missing: number;
  /** Records before the first one seen: from before this log, or lost. */
  unseen: number;
};

export const createSeqs = (): Seqs => ({ vms: new Map(), retiredMissing: 0, retiredUnseen: 0 });

/** The bytes of VMs as records hold them, while they have not changed. */
export const PACKED = new WeakMap<VmSeqs, Uint8Array>();

/** Records that are missing between the lowest and the highest. */
export function missingOf({ gaps, closedMissing }: VmSeqs): number {
  let sum = closedMissing;
  for (let at = 0; at < gaps.length; at += 2) sum += (gaps[at + 1] ?? 0) - (gaps[at] ?? 0) + 1;
  return sum;
}
const unseenOf = (vm: VmSeqs): number => Math.max(0, vm.low);

/** The seq nearest to the highest seen that is equal to it modulo 2^32. */
const unwrap = (seq: number, high: number): number => high + ((seq - high) | 0);

/** Place of the gap that holds the seq, or -1. */
function findGap(gaps: readonly number[], seq: number): number {
  let [from, to] = [0, gaps.length >> 1];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((gaps[2 * middle + 1] ?? 0) < seq) from = middle + 1;
    else to = middle;
  }
  return (gaps[2 * from] ?? Number.POSITIVE_INFINITY) <= seq ? 2 * from : -1;
}

function fillGap({ gaps }: VmSeqs, at: number, seq: number): void {
  const [first = 0, last = 0] = [gaps[at], gaps[at + 1]];
  if (first === last) gaps.splice(at, 2);
  else if (seq === first) gaps[at] = seq + 1;
  else if (seq === last) gaps[at + 1] = seq - 1;
  else gaps.splice(at + 1, 0, seq - 1, seq + 1);
}

/** Gives up the oldest gap when there are too many. */
function capGaps(vm: VmSeqs): void {
  if (vm.gaps.length <= 2 * GAPS_MAX) return;
  const [first = 0, last = 0] = vm.gaps.splice(0, 2);
  vm.closedMissing += last - first + 1;
}

function arriveBetween(vm: VmSeqs, seq: number): Arrival {
  const gap = findGap(vm.gaps, seq);
  if (gap >= 0) {
    fillGap(vm, gap, seq);
    capGaps(vm);
    return "new";
  }
  // Below every gap that is left, a seen record and one given up look alike.
  const isForgotten = vm.closedMissing > 0 && seq < (vm.gaps[0] ?? vm.high);
  return isForgotten ? "late" : "duplicate";
}

function arrive(vm: VmSeqs, seq: number): Arrival {
  if (seq > vm.high) {
    if (seq > vm.high + 1) vm.gaps.push(vm.high + 1, seq - 1);
    vm.high = seq;
  } else if (seq < vm.low) {
    if (seq < vm.low - 1) vm.gaps.unshift(seq + 1, vm.low - 1);
    vm.low = seq;
  } else {
    return arriveBetween(vm, seq);
  }
  capGaps(vm);
  return "new";
}

function retireOldest(seqs: Seqs): void {
  const [oldest] = seqs.vms;
  if (!oldest) return;
  seqs.retiredMissing += missingOf(oldest[1]);
  seqs.retiredUnseen += unseenOf(oldest[1]);
  seqs.vms.delete(oldest[0]);
}

/** Names of VMs by the low half of their number; it is nanoseconds, so they are seldom the same. */
type Named = { node: string; high: number; vm: bigint; name: string };
const NAMES_MAX = 2 * VMS_MAX;
const names = new Map<number, Named>();

export const nameOfVm = ({ vm, node }: Pick<VmSeqs, "vm" | "node">): string => `${vm}/${node}`;

function nameVm(node: string, low: number, high: number): Named {
  const known = names.get(low);
  if (known?.high === high && known.node === node) return known;
  const vm = (BigInt(high) << 32n) | BigInt(low);
  const made = { node, high, vm, name: nameOfVm({ vm, node }) };
  if (names.size >= NAMES_MAX) names.clear();
  names.set(low, made);
  return made;
}

/** Takes the record (node, vm, seq) in, with the halves of vm; seq is the u32 of the record. */
export function noteRecord(
  seqs: Seqs,
  node: string,
  low: number,
  high: number,
  seq: number,
): Arrival {
  const { vm, name } = nameVm(node, low, high);
  const known = seqs.vms.get(name);
  if (!known) {
    seqs.vms.set(name, { node, vm, low: seq, high: seq, gaps: [], closedMissing: 0 });
    if (seqs.vms.size > VMS_MAX) retireOldest(seqs);
    return "new";
  }
  seqs.vms.delete(name);
  seqs.vms.set(name, known);
  const arrival = arrive(known, unwrap(seq, known.high));
  if (arrival === "new") PACKED.delete(known);
  return arrival;
}

/** Puts a VM back as a checkpoint kept it; they come in order, longest unheard first. */
export function restoreVm(seqs: Seqs, vm: VmSeqs): void {
  seqs.vms.set(nameOfVm(vm), vm);
}

/** Loss over all VMs of a partition. */
export function measureLoss(seqs: Seqs): Loss {
  const loss = { missing: seqs.retiredMissing, unseen: seqs.retiredUnseen };
  for (const vm of seqs.vms.values()) {
    loss.missing += missingOf(vm);
    loss.unseen += unseenOf(vm);
  }
  return loss;
}

/** What was seen of a VM, over several partitions. */
type Span = { low: number; high: number; seen: number };

const SEQS = 2 ** 32;

function spanOf(vm: VmSeqs): Span {
  return { low: vm.low, high: vm.high, seen: vm.high - vm.low + 1 - missingOf(vm) };
}

/** Each partition unwraps from its own first record: the same seq may be some times 2^32 apart. */
function joinSpans(a: Span, b: Span): Span {
  const [upper, lower] = a.high >= b.high ? [a, b] : [b, a];
  const shift = Math.round((upper.high - lower.high) / SEQS) * SEQS;
  return {
    low: Math.min(upper.low, lower.low + shift),
    high: Math.max(upper.high, lower.high + shift),
    seen: a.seen + b.seen,
  };
}

/**
 * Loss over partitions between which the records of a VM are spread: what is a gap in one may be
 * seen in another. VMs that were retired are left out: what was missing in one partition is not
 * known to be missing in all.
 */
export function measureSeveral(several: readonly { vms: ReadonlyMap<string, VmSeqs> }[]): Loss {
  const spans = new Map<string, Span>();
  for (const { vms } of several) {
    for (const [key, vm] of vms) {
      const [own, known] = [spanOf(vm), spans.get(key)];
      spans.set(key, known ? joinSpans(known, own) : own);
    }
  }
  const loss = { missing: 0, unseen: 0 };
  for (const { low, high, seen } of spans.values()) {
    loss.missing += Math.max(0, high - low + 1 - seen);
    loss.unseen += Math.max(0, low);
  }
  return loss;
}
