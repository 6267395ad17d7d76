import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createSeqs,
  GAPS_MAX,
  measureLoss,
  measureSeveral,
  noteRecord,
  type Seqs,
  VMS_MAX,
} from "../../../control/learn/seqs.ts";

const VM = 7n;
/** With the VM in one piece. */
const noteSeq = (seqs: Seqs, node: string, vm: bigint, seq: number) =>
  noteRecord(seqs, node, Number(vm & 0xffffffffn), Number(vm >> 32n), seq);
const noteAll = (seqs: Seqs, list: readonly number[]): string[] =>
  list.map((seq) => noteSeq(seqs, "n", VM, seq));

describe("noteRecord", () => {
  it("tells new from duplicate, and measures loss, as a set of all seqs does, in any order", () => {
    const arrivals = fc.array(fc.nat(60), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(arrivals, fc.nat(1000), (list, start) => {
        const seqs = createSeqs();
        const seen = new Set<number>();
        for (const seq of list.map((one) => one + start)) {
          expect(noteSeq(seqs, "n", VM, seq)).toBe(seen.has(seq) ? "duplicate" : "new");
          seen.add(seq);
        }
        const [low, high] = [Math.min(...seen), Math.max(...seen)];
        const missing = high - low + 1 - seen.size;
        expect(measureLoss(seqs)).toEqual({ missing, unseen: low });
      }),
      { numRuns: 300 },
    );
  });

  it("ends in one state for every order of the same arrivals", () => {
    const list = fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 80 });
    const orders = list.chain((one) =>
      fc.tuple(
        fc.constant(one),
        fc.shuffledSubarray(one, { minLength: one.length, maxLength: one.length }),
      ),
    );
    fc.assert(
      fc.property(orders, ([one, other]) => {
        const [a, b] = [createSeqs(), createSeqs()];
        noteAll(a, one);
        noteAll(b, other);
        expect(a).toEqual(b);
      }),
    );
  });

  it("goes on over the end of u32 without a loss", () => {
    const seqs = createSeqs();
    noteAll(seqs, [4294967294, 4294967295, 1, 0]);
    expect(measureLoss(seqs)).toEqual({ missing: 0, unseen: 4294967294 });
    expect(noteAll(seqs, [4294967295, 0])).toEqual(["duplicate", "duplicate"]);
  });

  it("keeps nodes and VMs apart", () => {
    const seqs = createSeqs();
    const arrivals = [
      noteSeq(seqs, "a", 1n, 0),
      noteSeq(seqs, "b", 1n, 0),
      noteSeq(seqs, "a", 2n, 0),
    ];
    expect(arrivals).toEqual(["new", "new", "new"]);
  });

  it("takes a record that comes a million records late", () => {
    const seqs = createSeqs();
    noteAll(seqs, [0, 2, 1_000_000]);
    expect(noteAll(seqs, [1, 1])).toEqual(["new", "duplicate"]);
  });

  it("remembers as many gaps as its cap and gives up the oldest of one more", () => {
    const seqs = createSeqs();
    for (let gap = 0; gap <= GAPS_MAX; gap++) noteSeq(seqs, "n", VM, 2 * gap);
    expect(noteAll(seqs, [1])).toEqual(["new"]);
    noteAll(seqs, [2 * GAPS_MAX + 2, 2 * GAPS_MAX + 4]);
    expect(noteAll(seqs, [3])).toEqual(["late"]);
    // 5, 7, ... up to the highest, and 3 that was given up: GAPS_MAX + 1 of them.
    expect(measureLoss(seqs).missing).toBe(GAPS_MAX + 1);
  });

  it("remembers as many VMs as its cap, and retires the one unheard of for longest", () => {
    const seqs = createSeqs();
    for (let vm = 0; vm < VMS_MAX; vm++) noteSeq(seqs, "n", BigInt(vm), 5);
    noteSeq(seqs, "n", 0n, 7);
    expect(seqs.vms.size).toBe(VMS_MAX);
    noteSeq(seqs, "n", BigInt(VMS_MAX), 5);
    expect([seqs.vms.size, seqs.vms.has("0/n"), seqs.vms.has("1/n")]).toEqual([
      VMS_MAX,
      true,
      false,
    ]);
    expect(measureLoss(seqs)).toEqual({ missing: 1, unseen: 5 * (VMS_MAX + 1) });
  });
});

describe("measureSeveral, over partitions", () => {
  /** Seqs of two VMs that came, each in the partition of its request. */
  const arrivals = fc.array(fc.record({ vm: fc.nat(1), at: fc.nat(80), partition: fc.nat(2) }), {
    minLength: 1,
    maxLength: 150,
  });
  /** Around the end of u32 too: each partition then begins to count at another place. */
  const begin = fc.constantFrom(0, 17, 2 ** 32 - 90, 2 ** 32 - 40, 2 ** 32 - 1);

  const countMissing = (seen: ReadonlySet<number>): number =>
    seen.size === 0 ? 0 : Math.max(...seen) - Math.min(...seen) + 1 - seen.size;

  it("finds missing what a set of all that came does not hold", () => {
    fc.assert(
      fc.property(arrivals, begin, (list, start) => {
        const several = [createSeqs(), createSeqs(), createSeqs()];
        const came = [new Set<number>(), new Set<number>()];
        for (const { vm, at, partition } of list) {
          const [own, seen] = [several[(at + partition) % 3], came[vm]];
          // A record is of one request, so it is in one partition only.
          if (!own || !seen || seen.has(at)) continue;
          seen.add(at);
          noteSeq(own, "n", BigInt(vm), (start + at) % 2 ** 32);
        }
        const missing = came.reduce((sum, seen) => sum + countMissing(seen), 0);
        expect(measureSeveral(several).missing).toBe(missing);
      }),
      { numRuns: 2_000 },
    );
  });

  it("has no loss where every record came, however they are spread", () => {
    const several = [createSeqs(), createSeqs()];
    for (let seq = 3; seq < 30_000; seq++) {
      const own = several[Math.imul(seq, 0x9e3779b1) >>> 31];
      if (own) noteSeq(own, "n", VM, seq);
    }
    expect(measureSeveral(several)).toEqual({ missing: 0, unseen: 3 });
  });

  it("is the loss of the partition when there is one", () => {
    const seqs = createSeqs();
    noteAll(seqs, [4, 9]);
    expect(measureSeveral([seqs])).toEqual(measureLoss(seqs));
    expect(measureSeveral([])).toEqual({ missing: 0, unseen: 0 });
  });
});
