import { describe, expect, it } from "vitest";
import { desiredTable, type LearnedCuts, type LoadedModel } from "../../control/desired.ts";
import { checkModelSettings, parseSettings } from "../../control/settings.ts";
import { binOfScore, scoreOfBin } from "../../control/table/score-scale.ts";
import { aModel } from "../support/builders.ts";

const parse = (extra: Record<string, unknown> = {}) =>
  parseSettings(
    {
      limen: 1,
      models: ["models/bot"],
      segments: { prefix: { "/login": "login", "/sign-in": "login" } },
      ...extra,
    },
    null,
    "/",
  );
const {
  name: _name,
  tags,
  modes: _modes,
  cuts: _cuts,
  ...score
} = aModel({ output: "logistic", lo: -8, hi: 8 });
const aLoaded = (parts: Partial<LoadedModel> = {}): LoadedModel => ({
  name: "bot",
  score,
  features: [{ name: "score", of: "header:x-score", is: "number" }],
  digest: "00",
  tags,
  tagNames: ["bot"],
  bounds: {},
  presets: { cuts: { bot: 0.5 }, objective: "alert:0.05" },
  ...parts,
});
const secrets = { salt: 1n, tokenKey: new Uint8Array(16) };
const cutsOf = (own: Record<string, unknown>, learned: LearnedCuts = {}) =>
  desiredTable(parse(), [aLoaded()], [checkModelSettings(own, "test")], learned, secrets, 1)
    .models[0]?.cuts;
const half = binOfScore(score, 0.5);

describe("desiredTable", () => {
  it("numbers segments once however many prefixes lead to them", () => {
    const table = desiredTable(
      parse(),
      [aLoaded()],
      [checkModelSettings({}, "test")],
      {},
      secrets,
      1,
    );
    expect([table.segments.names, table.segments.entries.map(({ segment }) => segment)]).toEqual([
      ["rest", "login"],
      [1, 1],
    ]);
  });

  it("takes the preset cut of the model where nothing is said", () => {
    expect(cutsOf({})).toEqual([[half], [half]]);
  });

  it("puts a cut by hand before the preset", () => {
    expect(cutsOf({ bot: { cut: "bin:3000" } })).toEqual([[3000], [3000]]);
  });

  it("puts a learned cut before the preset", () => {
    expect(cutsOf({}, { "bot/login/bot": 3100 })).toEqual([[half], [3100]]);
  });

  it("holds a cut by hand against a learned one when no objective is set", () => {
    expect(cutsOf({ bot: { cut: "none" } }, { "bot/login/bot": 3100 })).toEqual([[4096], [4096]]);
  });

  it("tags nothing where neither settings nor model say a cut", () => {
    const model = aLoaded({ presets: { cuts: {}, objective: null } });
    const table = desiredTable(parse(), [model], [checkModelSettings({}, "test")], {}, secrets, 1);
    expect(table.models[0]?.cuts).toEqual([[4096], [4096]]);
  });

  it("keeps a feature that two models share once", () => {
    const settings = parse({ models: ["models/bot", "models/intent"] });
    const own = [checkModelSettings({}, "test"), checkModelSettings({}, "test")];
    const second = aLoaded({
      name: "intent",
      features: [
        { name: "length", of: "path", is: "length" },
        { name: "score", of: "header:x-score", is: "number" },
      ],
      score: { ...score, slots: [{ feature: 1, nan: "keep" }] },
    });
    const table = desiredTable(settings, [aLoaded(), second], own, {}, secrets, 1);
    expect(table.features.map(({ name }) => name)).toEqual(["score", "length"]);
    expect(table.models[1]?.slots).toEqual([{ feature: 0, nan: "keep" }]);
  });

  it("refuses an exempt rule that says nothing", () => {
    const settings = parse({ exempt: [{ header: "x-partner" }] });
    expect(() =>
      desiredTable(settings, [aLoaded()], [checkModelSettings({}, "t")], {}, secrets, 1),
    ).toThrow(/exempt: a rule needs/);
  });
});

describe("binOfScore", () => {
  it("gives the smallest cut whose scores are all at or above the one asked for", () => {
    for (const asked of [0.001, 0.2, 0.5, 0.9, 0.999]) {
      const bin = binOfScore(score, asked);
      expect(scoreOfBin(score, bin)).toBeGreaterThanOrEqual(asked - 1e-12);
      expect(scoreOfBin(score, bin - 1)).toBeLessThan(asked);
    }
  });

  it("stays inside 0 and none at the ends", () => {
    expect([binOfScore(score, 0), binOfScore(score, 1)]).toEqual([0, 4096]);
  });
});
