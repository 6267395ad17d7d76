import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assignPartitions } from "../../../control/events/assign-partitions.ts";

const COUNT = fc.integer({ min: 0, max: 40 });
const MEMBERS = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1 }),
    owned: fc.array(fc.integer({ min: -2, max: 45 }), { maxLength: 45 }),
  }),
  { minLength: 1, maxLength: 9, selector: ({ id }) => id },
);

describe("assignPartitions", () => {
  it("gives each partition to one member, whatever they say that they had", () => {
    fc.assert(
      fc.property(MEMBERS, COUNT, (members, count) => {
        const all = [...assignPartitions(members, count).values()].flat();
        expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, at) => at));
      }),
    );
  });

  it("gives shares that differ by one at most", () => {
    fc.assert(
      fc.property(MEMBERS, COUNT, (members, count) => {
        const sizes = [...assignPartitions(members, count).values()].map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("does not hang on the order in which the members are told", () => {
    fc.assert(
      fc.property(MEMBERS, COUNT, (members, count) => {
        const one = Object.fromEntries(assignPartitions(members, count));
        expect(Object.fromEntries(assignPartitions(members.toReversed(), count))).toEqual(one);
      }),
    );
  });

  it("moves nothing when the same members ask again", () => {
    fc.assert(
      fc.property(MEMBERS, COUNT, (members, count) => {
        const first = assignPartitions(members, count);
        const again = members.map(({ id }) => ({ id, owned: first.get(id) ?? [] }));
        expect(Object.fromEntries(assignPartitions(again, count))).toEqual(
          Object.fromEntries(first),
        );
      }),
    );
  });

  it("moves to a new member only its share", () => {
    const before = assignPartitions([{ id: "a", owned: [] }], 6);
    const after = assignPartitions(
      [
        { id: "a", owned: before.get("a") ?? [] },
        { id: "0", owned: [] },
      ],
      6,
    );
    expect(Object.fromEntries(after)).toEqual({ a: [0, 1, 2], 0: [3, 4, 5] });
  });
});
