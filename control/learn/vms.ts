/** The VMs of a fold as records hold them: the bytes of one that did not change are made once. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { VmSchema } from "../events/counts_pb.ts";
import { GAPS_MAX, missingOf, PACKED, type Seqs, type VmSeqs } from "./seqs.ts";

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
export const packLoss = ({ vms }: Seqs): Uint8Array[] =>
  [...vms.values()].map((vm) => packVm(vm, NO_STEPS, missingOf(vm)));

const NO_STEPS = new Uint8Array(0);

export function unpackVm(bytes: Uint8Array): VmSeqs {
  const { node, vm, low, high, gaps, closedMissing, steps } = fromBinary(VmSchema, bytes);
  const unpacked: VmSeqs = {
    node,
    vm,
    low: Number(low),
    high: Number(high),
    gaps: gaps.length > 0 ? gaps.map(Number) : unpackGaps(Number(low), steps),
    closedMissing: Number(closedMissing),
  };
  if (gaps.length === 0) PACKED.set(unpacked, bytes);
  return unpacked;
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
