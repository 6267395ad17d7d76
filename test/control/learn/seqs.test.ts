import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createSeqs,
  GAPS_MAX,
  measureLoss,
  noteSeq,
  type Seqs,
  VMS_MAX,
} from "../../../control/learn/seqs.ts";

const VM = 7n;
const noteAll = (seqs: Seqs, list: readonly number[]): string[] =>
  list.map((seq) => noteSeq(seqs, "n", VM, seq));

describe("noteSeq", () => {
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
