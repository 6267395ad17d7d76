import { describe, expect, it } from "vitest";
import { listFailures, type Verdict } from "../../../control/demo/verdict.ts";

const judgement = { route: "search", period: "after", fprLower: 0.01 } as const;
const atBounds: Verdict = {
  failed: 0,
  unscored: 0,
  rerouted: 100,
  uncertified: { before: [], after: [] },
  judged: [
    { ...judgement, recall: 0.6, bestRecall: 1 },
    { ...judgement, recall: null, bestRecall: null },
  ],
  alarmsBefore: 0,
  alarmAfter: 1_000,
  relearnAfter: 7_000,
  cost: { stale: 1_000, learned: 400 },
};

describe("listFailures", () => {
  it("is empty at the bounds", () => {
    expect(listFailures(atBounds)).toEqual([]);
  });

  it.each<[Partial<Verdict>, string]>([
    [{ failed: 1 }, "1 requests failed"],
    [{ unscored: 1 }, "1 requests were unscored"],
    [{ rerouted: 99 }, "99 requests were re-routed"],
    [
      { uncertified: { before: ["login"], after: [] } },
      "login: no certificate was ACKed by the release",
    ],
    [
      { uncertified: { before: [], after: ["login"] } },
      "login: no certificate was ACKed by the end",
    ],
    [
      { judged: [{ ...judgement, fprLower: 0.0101, recall: null, bestRecall: null }] },
      "search, after the release: the false positive rate is above 1.00% (at least 1.01%, 99%)",
    ],
    [
      { judged: [{ ...judgement, recall: 0.59, bestRecall: 1 }] },
      "search, after the release: recall 59.00%",
    ],
    [{ alarmsBefore: 1 }, "1 alarms before the release"],
    [{ alarmAfter: 1_001 }, "an alarm 1001 decisions after the release"],
    [{ alarmAfter: null }, "no alarm after the release"],
    [{ relearnAfter: 7_001 }, "certified again: after 7001 decisions"],
    [{ relearnAfter: null }, "certified again: not all routes were"],
    [{ cost: { stale: 1_000, learned: 401 } }, "cost 401 for 1,000 requests"],
    [{ cost: { stale: null, learned: 1 } }, "stale cuts' unknown"],
  ])("names %j as the one failure", (change, text) => {
    const lines = listFailures({ ...atBounds, ...change });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(text);
  });
});
