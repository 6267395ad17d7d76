import { describe, expect, it } from "vitest";
import { explainRequest } from "../../../control/explain/request.ts";
import { createScorer } from "../../../control/scorer.ts";
import { describeTable } from "../../../control/table/describe.ts";
import type { Table } from "../../../control/table/table.ts";
import { aModel, someTable } from "../../support/builders.ts";

type Parts = { path?: string; headers?: readonly (readonly [string, string])[] };

function explain(table: Partial<Table>, { path = "/", headers = [] }: Parts = {}) {
  const bytes = someTable(table);
  const known = { bytes, names: describeTable(bytes), pushed: null };
  const ask = { kind: "request", method: "GET", path, headers } as const;
  return explainRequest(ask, known, createScorer(), 1_700_000_000_000);
}
const scored = (score: number): Parts => ({ headers: [["X-Score", String(score)]] });

describe("explainRequest", () => {
  it("shows features, score, bin and the tag that would be written", () => {
    const view = explain({}, scored(2048));
    expect(view.features).toEqual([{ name: "score", value: 2048 }]);
    expect([view.reason, view.models]).toMatchObject([
      "none",
      [{ raw: 2048, score: 2048, bin: 2048, reaches: "bot", tag: "bot" }],
    ]);
  });

  it("shows no tag one bin below the cut", () => {
    expect(explain({}, scored(2047)).models).toMatchObject([{ reaches: null, tag: null }]);
  });

  it("shows what mode tag would write in shadow", () => {
    const view = explain({ models: [aModel({ modes: ["shadow"] })] }, scored(4000));
    expect(view.models).toMatchObject([{ mode: "shadow", reaches: "bot", tag: null }]);
  });

  it("shows the tag also where every request is drawn for the audit", () => {
    const view = explain({ audit: 1 }, scored(4000));
    expect([view.audit, view.reason, view.models[0]?.tag]).toEqual([1, "none", "bot"]);
  });

  it("shows the highest tag whose cut is reached", () => {
    const tags = ["low", "high"].map((value) => ({ header: "x-limen-bot", value }));
    const models = [aModel({ tags, cuts: [[1000, 3000]] })];
    const reached = [999, 1000, 2999, 3000].map(
      (score) => explain({ models }, scored(score)).models[0]?.reaches,
    );
    expect(reached).toEqual([null, "low", "low", "high"]);
  });

  it("says exempt, and shows the score all the same", () => {
    const exempt = [{ of: "path", match: "prefix", text: "/health" }] as const;
    const view = explain({ exempt }, { ...scored(4000), path: "/health/live" });
    expect([view.reason, view.models]).toMatchObject(["exempt", [{ bin: 4000, tag: null }]]);
  });

  it("says off, with the segment", () => {
    const segments = {
      of: "path",
      match: "prefix",
      names: ["rest", "login"],
      entries: [{ text: "/login", segment: 1 }],
    } as const;
    const models = [aModel({ modes: ["tag", "off"], cuts: [[2048], [2048]] })];
    const view = explain({ segments, models }, { ...scored(4000), path: "/login" });
    expect([view.reason, view.segment, view.models[0]?.tag]).toEqual(["off", "login", null]);
  });

  it("says trusted for a tag of an earlier hop", () => {
    const headers = [["x-limen-bot", "bot"]] as const;
    expect(explain({ trustMesh: true }, { headers }).reason).toBe("trusted");
  });

  it("names the reserved headers that the filter takes off", () => {
    expect(explain({}, { headers: [["x-limen-bot", "bot"]] }).forged).toEqual(["x-limen-bot"]);
  });

  it("shows a missing input as null, and no score of a linear model with it", () => {
    const view = explain({});
    expect(view.features).toEqual([{ name: "score", value: null }]);
    expect(view.models).toMatchObject([{ raw: null, score: null, bin: null, reaches: null }]);
  });

  it("says no-table under the base table", () => {
    const view = explain({ models: [], features: [] });
    expect([view.reason, view.models, view.segment]).toEqual(["no-table", [], null]);
  });

  it.each([
    [1022, "none"],
    [1023, "oversize"],
  ])("takes %i headers beside method and path for %s", (count, reason) => {
    const headers = Array.from({ length: count }, (_, at) => [`x-${at}`, "1"] as const);
    expect(explain({}, { headers }).reason).toBe(reason);
  });

  it("takes the host header for the authority, as a proxy does", () => {
    const features = [{ name: "host", of: "authority", is: "length" }];
    const view = explain({ features }, { headers: [["Host", "shop.example"]] });
    expect(view.features).toEqual([{ name: "host", value: 12 }]);
  });

  it("sends text as UTF-8, as a terminal does", () => {
    const features = [{ name: "n", of: "header:x-name", is: "length" }];
    expect(explain({ features }, { headers: [["x-name", "é"]] }).features[0]?.value).toBe(2);
  });
});
