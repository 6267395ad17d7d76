import { describe, expect, it } from "vitest";
import type { Mode, Table } from "../../control/table/table.ts";
import {
  ARM_ACTED,
  ARM_FREE,
  MODE_SHADOW,
  MODE_TAG,
  REASON_BELOW_CUT,
  REASON_EXEMPT,
  REASON_NAN,
  REASON_NONE,
  REASON_OFF,
  REASON_SHADOW,
  STATUS_BASE,
  STATUS_TAGGED,
  STATUS_UNSCORED,
} from "../../models/decision.ts";
import { aModel, aRequest, type RequestParts, someTable } from "../support/builders.ts";
import { type Decided, decide, decideRecorded, startFilter } from "../support/host-filter.ts";

function tagAt(cut: number, score: number): string | undefined {
  const { filter } = startFilter(someTable({ models: [aModel({ cuts: [[cut]] })] }));
  return decide(filter, aRequest({ score })).stream.header("x-limen-bot");
}

function decideIn(table: Partial<Table>, parts: RequestParts): Decided {
  return decide(startFilter(someTable(table)).filter, aRequest(parts));
}

const statusOf = ({ record }: Decided): [number | undefined, number | undefined] => [
  record?.status,
  record?.reason,
];

describe("a cut", () => {
  it.each([
    [0, 0, "bot"],
    [100, 99, undefined],
    [100, 100, "bot"],
    [4095, 4094, undefined],
    [4095, 4095, "bot"],
    [4095, 999999, "bot"],
    [4096, 4095, undefined],
    [4096, 999999, undefined],
  ])("of %i meets score %i with tag %s", (cut, score, tag) => {
    expect(tagAt(cut, score)).toBe(tag);
  });

  it("of the highest tag reached decides the value", () => {
    const tags = ["low", "middle", "high"].map((value) => ({ header: "x-limen-bot", value }));
    const { filter } = startFilter(someTable({ models: [aModel({ tags, cuts: [[10, 20, 30]] })] }));
    const seen = [9, 10, 19, 20, 29, 30].map((score) => decide(filter, aRequest({ score })));
    expect(seen.map(({ stream }) => stream.header("x-limen-bot"))).toEqual([
      undefined,
      ...["low", "low", "middle", "middle", "high"],
    ]);
    expect(seen.map(({ record }) => record?.models[0]?.tag)).toEqual([0, 1, 1, 2, 2, 3]);
  });

  it("says acted and tagged from the cut on, free and below the cut under it", () => {
    const { filter } = startFilter(someTable());
    const [below, above] = [2047, 2048].map((score) => decideRecorded(filter, aRequest({ score })));
    expect([below?.status, below?.reason, below?.models[0]?.arm]).toEqual([
      STATUS_BASE,
      REASON_BELOW_CUT,
      ARM_FREE,
    ]);
    expect([above?.status, above?.reason, above?.models[0]?.arm]).toEqual([
      STATUS_TAGGED,
      REASON_NONE,
      ARM_ACTED,
    ]);
  });
});

describe("a bin", () => {
  it.each([
    [{ lo: 0, hi: 4096 }, 17, 17],
    [{ lo: 10, hi: 20 }, 9, 0],
    [{ lo: 10, hi: 20 }, 15, 2048],
    [{ lo: 10, hi: 20 }, 20, 4095],
    [{ lo: 0, hi: 1024 }, 1, 4],
    [{ lo: 0, hi: 3 }, 1, Math.floor(4096 / 3)],
  ])("over %o of raw score %i is %i", (range, score, bin) => {
    const { filter } = startFilter(someTable({ models: [aModel(range)] }));
    expect(decideRecorded(filter, aRequest({ score })).models[0]?.bin).toBe(bin);
  });

  it("is missing, and the request unscored, when a linear input is missing", () => {
    const decided = decideIn({}, {});
    expect(statusOf(decided)).toEqual([STATUS_UNSCORED, REASON_NAN]);
    expect(decided.record?.models[0]?.bin).toBe(65535);
  });
});

describe("a mode", () => {
  const SEGMENTS: Table["segments"] = {
    of: "path",
    match: "prefix",
    names: ["rest", "shadowed", "switched-off"],
    entries: [
      { text: "/shadow", segment: 1 },
      { text: "/off", segment: 2 },
    ],
  };
  const modes: Mode[] = ["tag", "shadow", "off"];
  const table = { segments: SEGMENTS, models: [aModel({ modes, cuts: [[10], [10], [10]] })] };

  it("tags in its own segment", () => {
    const { stream, record } = decideIn(table, { score: 10, path: "/other" });
    expect([stream.header("x-limen-bot"), record?.models[0]?.mode]).toEqual(["bot", MODE_TAG]);
  });

  it("of shadow decides and records, and writes no tag", () => {
    const decided = decideIn(table, { score: 10, path: "/shadow/1" });
    expect(decided.stream.header("x-limen-bot")).toBeUndefined();
    expect(statusOf(decided)).toEqual([STATUS_BASE, REASON_SHADOW]);
    expect(decided.record?.models[0]).toMatchObject({ segment: 1, bin: 10, mode: MODE_SHADOW });
  });

  it("of off leaves the request alone, with a reason", () => {
    const decided = decideIn(table, { score: 10, path: "/off" });
    expect(decided.stream.header("x-limen-bot")).toBeUndefined();
    expect(statusOf(decided)).toEqual([STATUS_BASE, REASON_OFF]);
  });
});

describe("an exempt rule", () => {
  it.each([
    [{ of: "path", match: "prefix", text: "/health" } as const, { path: "/healthz?x=1" }, true],
    [{ of: "path", match: "prefix", text: "/health" } as const, { path: "/heal" }, false],
    [{ of: "path", match: "equals", text: "/health" } as const, { path: "/healthz" }, false],
    [{ of: "path", match: "equals", text: "/health" } as const, { path: "/health?x" }, true],
    [{ of: "authority", match: "equals", text: "a.b" } as const, { authority: "a.b" }, true],
    [{ of: "authority", match: "equals", text: "a.b" } as const, { authority: "a.b.c" }, false],
  ])("%o on %o exempts: %s", (rule, parts, exempted) => {
    const decided = decideIn({ exempt: [rule] }, { score: 4000, ...parts });
    expect(decided.stream.header("x-limen-bot")).toBe(exempted ? undefined : "bot");
    expect(decided.record?.reason).toBe(exempted ? REASON_EXEMPT : REASON_NONE);
  });

  it("compares a header by its first value", () => {
    const exempt = [{ of: "header:x-key", match: "equals", text: "acme" } as const];
    const headers = [
      ["x-key", "acme"],
      ["x-key", "other"],
    ] as const;
    expect(decideIn({ exempt }, { score: 4000, headers }).record?.reason).toBe(REASON_EXEMPT);
  });

  it("holds no request when the header is absent", () => {
    const exempt = [{ of: "header:x-key", match: "prefix", text: "a" } as const];
    expect(decideIn({ exempt }, { score: 4000 }).record?.reason).toBe(REASON_NONE);
  });
});
