import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Table } from "../../control/table/table.ts";
import { aModel, aRequest, type RequestParts, someTable } from "../support/builders.ts";
import { decideRecorded, startFilter } from "../support/host-filter.ts";
import type { Filter } from "../support/proxy-wasm/host.ts";

type Entry = { text: string; segment: number };

function startWith(segments: Partial<Table["segments"]>, entries: readonly Entry[]): Filter {
  const count = 1 + Math.max(0, ...entries.map((entry) => entry.segment));
  const names = Array.from({ length: count }, (_, index) => `s${index}`);
  const models = [aModel({ modes: names.map(() => "tag"), cuts: names.map(() => [2048]) })];
  const all = { of: "path", match: "prefix" as const, names, entries, ...segments };
  return startFilter(someTable({ segments: all, models })).filter;
}

const segmentOf = (filter: Filter, parts: RequestParts): number | undefined =>
  decideRecorded(filter, aRequest({ score: 1, ...parts })).models[0]?.segment;

/** The longest entry that is a prefix, by looking at each. */
function findDully(entries: readonly Entry[], value: string): number {
  const fitting = entries.filter((entry) => value.startsWith(entry.text));
  return fitting.sort((a, b) => b.text.length - a.text.length)[0]?.segment ?? 0;
}

// A small alphabet makes shared prefixes, chains of parents and near misses common.
const text = fc.string({ unit: fc.constantFrom("a", "b", "/"), minLength: 1, maxLength: 8 });
const entries = fc
  .uniqueArray(fc.record({ text, segment: fc.nat(9) }), { selector: (entry) => entry.text })
  .filter((list) => list.length > 0);

describe("a segment by prefix", () => {
  it("is that of the longest entry, as a linear search finds it", () => {
    fc.assert(
      fc.property(entries, fc.array(text, { maxLength: 20 }), (list, values) => {
        const filter = startWith({}, list);
        const paths = [...values, ...list.map((entry) => `${entry.text}b`)];
        expect(paths.map((path) => segmentOf(filter, { path }))).toEqual(
          paths.map((path) => findDully(list, path)),
        );
      }),
      { numRuns: 150 },
    );
  });

  it("compares bytes, not letters", () => {
    const filter = startWith({}, [
      { text: "/a", segment: 1 },
      { text: "/\u00e9", segment: 2 },
    ]);
    expect([segmentOf(filter, { path: "/A" }), segmentOf(filter, { path: "/\xC3\xA9x" })]).toEqual([
      0, 2,
    ]);
  });
});

describe("a segment by equality", () => {
  it("is that of the entry with the very bytes, else the rest", () => {
    fc.assert(
      fc.property(entries, fc.array(text, { maxLength: 20 }), (list, values) => {
        const filter = startWith({ of: "authority", match: "equals" }, list);
        const all = [...values, ...list.map((entry) => entry.text)];
        expect(all.map((authority) => segmentOf(filter, { authority }))).toEqual(
          all.map((value) => list.find((entry) => entry.text === value)?.segment ?? 0),
        );
      }),
      { numRuns: 100 },
    );
  });

  it("is the rest when the header is absent", () => {
    const list = [{ text: "acme", segment: 1 }];
    const filter = startWith({ of: "header:x-tenant", match: "equals" }, list);
    expect(segmentOf(filter, {})).toBe(0);
    expect(segmentOf(filter, { headers: [["x-tenant", "acme"]] })).toBe(1);
  });
});
