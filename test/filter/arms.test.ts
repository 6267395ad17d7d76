import { describe, expect, it } from "vitest";
import type { Table } from "../../control/table/table.ts";
import {
  ARM_ACTED,
  ARM_AUDIT,
  ARM_CANDIDATE,
  ARM_EXTRA,
  ARM_FREE,
  REASON_AUDIT,
} from "../../models/decision.ts";
import { aModel, aRequest, type RequestParts, someTable } from "../support/builders.ts";
import { decide, decideRecorded, startFilter } from "../support/host-filter.ts";

const DRAWS = 20_000;

/** Arms of that many requests; the clock advances a millisecond between two. */
function drawArms(table: Partial<Table>, parts: RequestParts, count = DRAWS): number[] {
  const { host, filter } = startFilter(someTable(table));
  const request = aRequest(parts);
  return Array.from({ length: count }, () => {
    host.advance(1);
    return decideRecorded(filter, request).models[0]?.arm ?? -1;
  });
}

const shareOf = (arms: readonly number[], arm: number): number =>
  arms.filter((drawn) => drawn === arm).length / arms.length;

/** Five standard deviations of a binomial share: a right draw fails once in 1.7 million runs. */
const within = (share: number, count = DRAWS): number =>
  5 * Math.sqrt((share * (1 - share)) / count);

describe("the audit arm", () => {
  it.each([0.02, 0.25])("has its share of %f whatever the bin", (audit) => {
    for (const score of [1, 4000]) {
      const share = shareOf(drawArms({ audit }, { score }), ARM_AUDIT);
      expect(Math.abs(share - audit)).toBeLessThan(within(audit));
    }
  });

  it("takes no action, with a reason", () => {
    const { filter } = startFilter(someTable({ audit: 1 }));
    const { stream, record } = decide(filter, aRequest({ score: 4000 }));
    expect([stream.header("x-limen-bot"), record?.reason]).toEqual([undefined, REASON_AUDIT]);
  });

  it("is empty at a share of 0", () => {
    expect(shareOf(drawArms({ audit: 0 }, { score: 1 }, 2000), ARM_AUDIT)).toBe(0);
  });

  it("holds everything while a segment is in shadow", () => {
    const models = [aModel({ modes: ["shadow"] })];
    expect(shareOf(drawArms({ models }, { score: 4000 }, 100), ARM_AUDIT)).toBe(1);
  });

  it("holds everything while the cut is none", () => {
    const models = [aModel({ cuts: [[4096]] })];
    expect(shareOf(drawArms({ models }, { score: 4000 }, 100), ARM_AUDIT)).toBe(1);
  });

  it("holds no more than its share while one of two cuts is not none", () => {
    const tags = ["low", "high"].map((value) => ({ header: "x-limen-bot", value }));
    const models = [aModel({ tags, cuts: [[10, 4096]] })];
    expect(shareOf(drawArms({ models }, { score: 4000 }, 100), ARM_ACTED)).toBe(1);
  });
});

describe("the extra arm", () => {
  const table = { extra: 0.25, extraWidth: 100 };

  it("has its share from the cut up to its width", () => {
    for (const score of [2048, 2147]) {
      const share = shareOf(drawArms(table, { score }), ARM_EXTRA);
      expect(Math.abs(share - 0.25)).toBeLessThan(within(0.25));
    }
  });

  it.each([
    [2047, ARM_FREE],
    [2148, ARM_ACTED],
  ])("leaves score %i in arm %i", (score, arm) => {
    expect(shareOf(drawArms(table, { score }, 2000), arm)).toBe(1);
  });

  it("takes no action", () => {
    const { filter } = startFilter(someTable({ extra: 1, extraWidth: 100 }));
    const { stream, record } = decide(filter, aRequest({ score: 2048 }));
    expect([stream.header("x-limen-bot"), record?.models[0]?.arm]).toEqual([undefined, ARM_EXTRA]);
  });
});

describe("the candidate arm", () => {
  const candidate = (share: number): Partial<Table> => ({
    candidate: share,
    models: [aModel({ candidateCuts: [[1024]] })],
  });

  it("has its share", () => {
    const share = shareOf(drawArms(candidate(0.1), { score: 1500 }), ARM_CANDIDATE);
    expect(Math.abs(share - 0.1)).toBeLessThan(within(0.1));
  });

  it("decides by the candidate cuts", () => {
    const { filter } = startFilter(someTable(candidate(1)));
    const tag = (score: number) => decide(filter, aRequest({ score })).stream.header("x-limen-bot");
    expect([tag(1023), tag(1024)]).toEqual([undefined, "bot"]);
  });

  it("leaves the live cuts to all others", () => {
    const { filter } = startFilter(someTable(candidate(0)));
    expect(decide(filter, aRequest({ score: 1500 })).stream.header("x-limen-bot")).toBeUndefined();
  });
});

describe("a draw", () => {
  const table = { audit: 0.5 };

  it("does not depend on anything the client sends", () => {
    const plain = drawArms(table, { score: 1 }, 500);
    const chosen = drawArms(
      table,
      {
        score: 1,
        path: "/other?x=1",
        method: "POST",
        authority: "evil.example",
        headers: [
          ["x-request-id", "00000000-0000-4000-8000-000000000000"],
          ["user-agent", "curl/8"],
        ],
      },
      500,
    );
    expect(chosen).toEqual(plain);
  });

  it("differs under another salt", () => {
    expect(drawArms({ ...table, salt: 2n }, { score: 1 }, 500)).not.toEqual(
      drawArms(table, { score: 1 }, 500),
    );
  });

  it("differs from request to request on a clock that stands still", () => {
    const { filter } = startFilter(someTable(table));
    const arms = Array.from(
      { length: 200 },
      () => decideRecorded(filter, aRequest({ score: 1 })).models[0]?.arm,
    );
    expect(new Set(arms)).toEqual(new Set([ARM_AUDIT, ARM_FREE]));
  });

  it("of the vector has its share", () => {
    const { filter } = startFilter(someTable({ vector: 0.25 }));
    const request = aRequest({ score: 1 });
    const carried = Array.from({ length: DRAWS }, () => decideRecorded(filter, request));
    const share = carried.filter((record) => record.vector.length > 0).length / DRAWS;
    expect(Math.abs(share - 0.25)).toBeLessThan(within(0.25));
  });
});
