import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Candidate, judge } from "../../../control/gate/gate.ts";
import type { Model, Table } from "../../../control/table/table.ts";
import * as limit from "../../../models/limits.ts";
import { aModel, aTable } from "../../support/builders.ts";

const TAG = { header: "x-limen-bot", value: "bot" };
const SURE = { header: "x-limen-bot", value: "sure" };

/** A table of one model with these cuts, a row a segment. */
function tableOf(cuts: readonly (readonly number[])[], more: Partial<Model> = {}): Table {
  const names = ["rest", "login", "search"].slice(0, cuts.length);
  const tags = [TAG, SURE].slice(0, cuts[0]?.length ?? 1);
  const modes = cuts.map(() => "tag" as const);
  return aTable({
    models: [aModel({ tags, modes, cuts, ...more })],
    segments: { of: "path", match: "prefix", names, entries: [] },
  });
}

/** One decision in each bin from 0 to `total` - 1. */
const oneEach = (total: number): number[] => Array.from({ length: total }, () => 1);

function judgeOf(more: Partial<Candidate> & { table: Table }) {
  const verdict = judge({
    live: null,
    bytes: new Uint8Array(100),
    bounds: {},
    counts: {},
    lane: "direct",
    validate: () => 0,
    ...more,
  });
  return verdict.pass ? [] : verdict.reasons.map(({ rule, where }) => `${rule} ${where}`);
}

const step = (before: number, after: number, total: number, more: Partial<Candidate> = {}) =>
  judgeOf({
    live: tableOf([[before]]),
    table: tableOf([[after]]),
    counts: { bot: { rest: oneEach(total) } },
    ...more,
  });

describe("bounds", () => {
  const bounds = { bot: [[1000, 3000]] as const };

  it.each([
    [999, ["bounds bot/rest/bot"]],
    [1000, []],
    [3000, []],
    [3001, ["bounds bot/rest/bot"]],
  ])("judge a cut of %i against 1000 to 3000", (cut, reasons) => {
    expect(judgeOf({ table: tableOf([[cut]]), bounds })).toEqual(reasons);
  });

  it("let a cut of none pass, which tags nothing", () => {
    expect(judgeOf({ table: tableOf([[limit.CUT_NONE]]), bounds })).toEqual([]);
  });

  it("hold for the candidate cuts too", () => {
    const table = tableOf([[2000]], { candidateCuts: [[1]] });
    expect(judgeOf({ table, bounds })).toEqual(["bounds bot/rest/bot"]);
  });

  it("are shown to people as scores with their bins", () => {
    const verdict = judge({
      live: null,
      table: tableOf([[999]]),
      bytes: new Uint8Array(),
      bounds,
      counts: {},
      lane: "direct",
      validate: () => 0,
    });
    expect(verdict.pass ? "" : verdict.reasons[0]?.text).toBe(
      "cut 999.0 (bin 999) is outside its bounds 1000 (bin 1000) to 3000 (bin 3000)",
    );
  });
});

describe("monotone cuts", () => {
  it("may be equal from tag to tag, and not fall", () => {
    expect(judgeOf({ table: tableOf([[10, 10]]) })).toEqual([]);
    expect(judgeOf({ table: tableOf([[10, 9]]) })).toEqual(["monotone bot/rest/sure"]);
  });

  it("are checked in every segment", () => {
    const table = tableOf([
      [10, 20],
      [30, 20],
    ]);
    expect(judgeOf({ table })).toEqual(["monotone bot/login/sure"]);
  });
});

describe("the step", () => {
  it("lets the tagged share double and not more", () => {
    expect(step(900, 800, 1000)).toEqual([]);
    expect(step(900, 799, 1000)).toEqual(["step bot/rest/bot"]);
  });

  it("counts the share from at least one in a thousand", () => {
    expect(step(1000, 998, 1000)).toEqual([]);
    expect(step(1000, 997, 1000)).toEqual(["step bot/rest/bot"]);
  });

  it("never caps fewer tags", () => {
    expect(step(0, limit.CUT_NONE, 1000)).toEqual([]);
  });

  it("exempts the first cut after none", () => {
    expect(step(limit.CUT_NONE, 0, 1000)).toEqual([]);
  });

  it("exempts the first table, and a model that is new", () => {
    const counts = { bot: { rest: oneEach(1000) } };
    const other = tableOf([[999]], { name: "other" });
    expect(judgeOf({ table: tableOf([[0]]), counts })).toEqual([]);
    expect(judgeOf({ live: other, table: tableOf([[0]]), counts })).toEqual([]);
  });

  it("does not count from shadow to tag", () => {
    const live = tableOf([[500]], { modes: ["shadow"] });
    const counts = { bot: { rest: oneEach(1000) } };
    expect(judgeOf({ live, table: tableOf([[500]]), counts })).toEqual([]);
  });

  it("is refused when the cut falls and no decision is recorded", () => {
    expect(step(900, 899, 0)).toEqual(["step bot/rest/bot"]);
  });

  it("is not asked for in the staged lane", () => {
    expect(step(900, 0, 1000, { lane: "staged" })).toEqual([]);
  });

  it("is one share over all segments by default, and each segment's own when asked", () => {
    const change = {
      live: tableOf([[900], [900]]),
      table: tableOf([[900], [0]]),
      counts: { bot: { rest: oneEach(1000), login: [...oneEach(100), ...Array(900).fill(0)] } },
    };
    expect(judgeOf(change)).toEqual([]);
    expect(judgeOf({ ...change, scopes: { bot: "segment" } })).toEqual(["step bot/login/bot"]);
  });

  it("follows a segment by its name when its number moves", () => {
    const live = tableOf([[900], [100]]);
    const moved = tableOf([[900], [800], [100]]);
    const table = {
      ...moved,
      segments: { ...moved.segments, names: ["rest", "search", "login"] },
    };
    const counts = { bot: { rest: oneEach(1000), login: oneEach(1000), search: oneEach(1000) } };
    expect(judgeOf({ live, table, counts, scopes: { bot: "segment" } })).toEqual([]);
  });

  it("agrees with a count by hand on any histogram and pair of cuts", () => {
    const bins = fc.array(fc.nat(5), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(bins, fc.nat(8), fc.nat(8), (counts, before, after) => {
        const tagged = (cut: number): number =>
          counts.filter((_, bin) => bin >= cut).reduce((a, b) => a + b, 0);
        const total = tagged(0);
        const share = (cut: number): number => tagged(cut) / total;
        const isRefused =
          after < before && (total === 0 || share(after) > 2 * Math.max(share(before), 0.001));
        const live = tableOf([[before]]);
        const reasons = judgeOf({
          live,
          table: tableOf([[after]]),
          counts: { bot: { rest: counts } },
        });
        expect(reasons.length > 0).toBe(isRefused);
      }),
    );
  });
});

describe("the bytes", () => {
  it("may have the size of the cap and not one more", () => {
    const table = tableOf([[1]]);
    const bytes = (size: number) => new Uint8Array(size);
    expect(judgeOf({ table, bytes: bytes(limit.TABLE_BYTES_MAX) })).toEqual([]);
    expect(judgeOf({ table, bytes: bytes(limit.TABLE_BYTES_MAX + 1) })).toEqual(["size table"]);
  });

  it("are refused when the filter's validator refuses them", () => {
    expect(judgeOf({ table: tableOf([[1]]), validate: () => 17 })).toEqual(["valid table"]);
  });
});

describe("judge", () => {
  it("gives every reason at once", () => {
    const reasons = judgeOf({
      live: tableOf([[900, 950]]),
      table: tableOf([[400, 100]]),
      bytes: new Uint8Array(limit.TABLE_BYTES_MAX + 1),
      bounds: { bot: [[500, 4095]] },
      counts: { bot: { rest: oneEach(1000) } },
      validate: () => 3,
    });
    expect(reasons).toEqual([
      "bounds bot/rest/bot",
      "monotone bot/rest/sure",
      "step bot/rest/bot",
      "step bot/rest/sure",
      "size table",
      "valid table",
    ]);
  });
});
