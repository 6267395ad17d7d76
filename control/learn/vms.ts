/** The VMs of a fold as records hold them: the bytes of one that did not change are made once. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Vm, VmSchema, type Vms } from "../events/counts_pb.ts";
import type { TakenLoss } from "./loss.ts";
import { GAPS_MAX, missingOf, nameOfVm, PACKED, type Seqs, type VmSeqs } from "./seqs.ts";

/** Bytes of VMs in one record; a VM is 80 KiB at the most. */
const RECORD_BYTES = 1_000_000;

/** Of a number below 2^53. */
const VARINT_BYTES = 8;
let scratch = new Uint8Array(2 * VARINT_BYTES * GAPS_MAX);

/** 7 bits a byte, the lowest first; the place after it. */
function writeVarint(at: number, value: number): number {
  let [to, rest] = [at, value];
  for (; rest >= 128; rest = Math.floor(rest / 128)) scratch[to++] = (rest % 128) + 128;
  scratch[to++] = rest;
  return to;
}

/** Gaps as differences: near to each other they are a byte or two each. */
function packGaps({ low, gaps }: VmSeqs): Uint8Array {
  const most = VARINT_BYTES * gaps.length;
  if (scratch.length < most) scratch = new Uint8Array(most);
  let [to, former] = [0, low];
  for (const number of gaps) {
    to = writeVarint(to, number - former);
    former = number;
  }
  return scratch.slice(0, to);
}

function unpackGaps(low: number, steps: Uint8Array): number[] {
  const gaps: number[] = [];
  let [value, scale, former] = [0, 1, low];
  for (const byte of steps) {
    value += (byte % 128) * scale;
    scale *= 128;
    if (byte >= 128) continue;
    former += value;
    gaps.push(former);
    [value, scale] = [0, 1];
  }
  return gaps;
}

function packVm(vm: VmSeqs, steps: Uint8Array, closedMissing: number): Uint8Array {
  const value = create(VmSchema, {
    node: vm.node,
    vm: vm.vm,
    low: BigInt(vm.low),
    high: BigInt(vm.high),
    closedMissing: BigInt(closedMissing),
    steps,
  });
  return toBinary(VmSchema, value);
}

function packOnce(vm: VmSeqs): Uint8Array {
  const known = PACKED.get(vm);
  if (known) return known;
  const packed = packVm(vm, packGaps(vm), vm.closedMissing);
  PACKED.set(vm, packed);
  return packed;
}

/** All VMs, longest unheard first. */
export const packVms = ({ vms }: Seqs): Uint8Array[] => [...vms.values()].map(packOnce);

/** All VMs with what is missing of them as one number, without their gaps. */
export const packLoss = ({ vms }: Pick<TakenLoss, "vms">): Uint8Array[] =>
  [...vms.values()].map((vm) => packVm(vm, NO_STEPS, missingOf(vm)));

const NO_STEPS = new Uint8Array(0);

function readVm({ node, vm, low, high, gaps, closedMissing, steps }: Vm): VmSeqs {
  return {
    node,
    vm,
    low: Number(low),
    high: Number(high),
    gaps: gaps.length > 0 ? gaps.map(Number) : unpackGaps(Number(low), steps),
    closedMissing: Number(closedMissing),
  };
}

export function unpackVm(bytes: Uint8Array): VmSeqs {
  const read = fromBinary(VmSchema, bytes);
  const unpacked = readVm(read);
  if (read.gaps.length === 0) PACKED.set(unpacked, bytes);
  return unpacked;
}

/** The loss that these records hold, by their numbers; null when they are not all of one, or of a
 * version that did not say as of when it is. */
export function unpackLoss(parts: readonly (Vms | undefined)[]): TakenLoss | null {
  const [first] = parts;
  if (!first || first.lossParts === 0) return null;
  const own = Array.from({ length: first.lossParts }, (_, number) => parts[number]);
  if (!own.every((part) => part?.lossTo === first.lossTo)) return null;
  const vms = own
    .flatMap((part) => part?.vms ?? [])
    .map((bytes) => readVm(fromBinary(VmSchema, bytes)))
    .map((vm) => [nameOfVm(vm), vm] as const);
  return { from: Number(first.lossFrom), to: Number(first.lossTo), vms: new Map(vms) };
}

/** Parts of a bounded size, in order; one VM is never in two. */
export function splitVms(vms: readonly Uint8Array[]): Uint8Array[][] {
  const parts: Uint8Array[][] = [];
  let bytes = RECORD_BYTES;
  for (const vm of vms) {
    if (bytes + vm.length > RECORD_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(vm);
    bytes += vm.length;
  }
  return parts;
}
