import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LoadedModel } from "../../../control/desired.ts";
import { judge } from "../../../control/gate/gate.ts";
import type { CohortHistogram } from "../../../control/learn/alert.ts";
import { countBins, limitStep, lookAtModel } from "../../../control/service/learning.ts";
import { checkModelSettings } from "../../../control/settings.ts";
import { aModel, aTable } from "../../support/builders.ts";

const { name: _name, tags, modes: _modes, cuts: _cuts, ...score } = aModel();
const model: LoadedModel = {
  name: "bot",
  score,
  features: [],
  digest: "00",
  tags,
  tagNames: ["bot"],
  bounds: {},
  presets: { cuts: {}, objective: null },
};
const segments = ["rest", "login"];

/** `count` decisions of a segment, one bin each from 0 upwards. */
const aCohort = (counts: Record<string, number>): CohortHistogram => ({
  cohort: 1,
  segments: new Map(
    Object.entries(counts).map(([name, count]) => [
      name,
      new Map(Array.from({ length: count }, (_, bin): [number, number] => [bin, 1])),
    ]),
  ),
});

const look = (own: Record<string, unknown>, cohorts: CohortHistogram[], live = 4096) =>
  lookAtModel({
    model,
    own: checkModelSettings(own, "test"),
    segments,
    cohorts,
    liveCuts: () => ({ rest: live, login: live }),
    lastProposal: null,
    now: 0,
  });

describe("lookAtModel", () => {
  it("learns one cut for all segments unless the scope says otherwise", () => {
    const { learned } = look({ bot: { objective: "alert:0.1" } }, [
      aCohort({ rest: 500, login: 500 }),
    ]);
    expect(new Set(Object.values(learned)).size).toBe(1);
    expect(Object.keys(learned)).toEqual(["bot/rest/bot", "bot/login/bot"]);
  });

  it("learns a cut for each segment with the scope segment", () => {
    const own = { bot: { objective: "alert:0.1", scope: "segment" } };
    const { learned } = look(own, [aCohort({ rest: 1000, login: 500 })]);
    // A tenth of bins 0 to n - 1, one decision each.
    expect(learned).toEqual({ "bot/rest/bot": 900, "bot/login/bot": 450 });
  });

  it("leaves out a segment whose cut is set by hand", () => {
    const own = {
      bot: { objective: "alert:0.1" },
      segments: { login: { bot: { cut: 0.5, objective: "none" } } },
    };
    const { learned } = look(own, [aCohort({ rest: 1000, login: 1000 })]);
    expect(Object.keys(learned)).toEqual(["bot/rest/bot"]);
  });

  it("says how many decisions it still waits for", () => {
    expect(look({ bot: { objective: "alert:0.1" } }, [aCohort({ rest: 7 })]).waiting).toMatch(
      /bot: alert:0\.1: .*7 of 100 decisions/,
    );
  });

  it("learns nothing without an objective", () => {
    const { learned, waiting, view } = look({}, [aCohort({ rest: 5000 })]);
    expect([learned, waiting, view]).toEqual([{}, null, null]);
  });
});

describe("limitStep", () => {
  it("gives the lowest cut that the gate's step rule passes", () => {
    const histogram = fc.dictionary(
      fc.integer({ min: 0, max: 4095 }).map(String),
      fc.integer({ min: 1, max: 50 }),
      {
        minKeys: 1,
        maxKeys: 60,
      },
    );
    const bin = fc.integer({ min: 0, max: 4095 });
    fc.assert(
      fc.property(histogram, bin, bin, (given, live, wanted) => {
        const all = new Map(Object.entries(given).map(([key, count]) => [Number(key), count]));
        const cut = limitStep(all, live, wanted);
        const passes = (to: number) => {
          const table = (cuts: number) => aTable({ models: [aModel({ cuts: [[cuts]] })] });
          const counts = {
            bot: countBins([{ cohort: 1, segments: new Map([["rest", all]]) }], ["rest"]),
          };
          const parts = {
            live: table(live),
            table: table(to),
            bytes: new Uint8Array(),
            bounds: {},
          };
          return judge({ ...parts, counts, lane: "direct", validate: () => 0 }).pass;
        };
        expect(passes(cut)).toBe(true);
        expect(cut).toBeGreaterThanOrEqual(Math.min(wanted, live));
        const lower = [...all.keys()].filter((key) => key < cut && key >= wanted);
        if (wanted < live && lower.length > 0) expect(passes(Math.max(...lower))).toBe(false);
      }),
    );
  });
});
