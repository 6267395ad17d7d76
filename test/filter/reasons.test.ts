import { describe, expect, it } from "vitest";
import type { Feature } from "../../control/table/table.ts";
import * as decision from "../../models/decision.ts";
import { aModel, aRequest, someTable } from "../support/builders.ts";
import { decide, decideRecorded, filterModule, startFilter } from "../support/host-filter.ts";
import { createHost } from "../support/proxy-wasm/host.ts";

const REPLACE = "proxy_replace_header_map_value";
const PAIRS = "proxy_get_header_map_pairs";

describe("an unscored request", () => {
  it("says work when its measures take more than a million steps", () => {
    const pattern = "a".repeat(64);
    const features = Array.from(
      { length: 8 },
      (_, at): Feature => ({
        name: `f${at}`,
        of: "header:x",
        is: "matches",
        any: [`${pattern}${at}`],
      }),
    );
    const { filter } = startFilter(someTable({ features }));
    const headers = [["x", "a".repeat(8192)]] as const;
    expect(decideRecorded(filter, aRequest({ headers }))).toMatchObject({
      status: decision.STATUS_UNSCORED,
      reason: decision.REASON_WORK,
    });
  });

  it("says no headers when the host gives none", () => {
    const { host, filter } = startFilter(someTable());
    host.faults.set({ call: PAIRS, status: 10 });
    expect(decideRecorded(filter, aRequest())).toMatchObject({
      status: decision.STATUS_UNSCORED,
      reason: decision.REASON_NO_HEADERS,
    });
  });

  it("carries no vector", () => {
    const { host, filter } = startFilter(someTable());
    decide(filter, aRequest({ score: 7 }));
    host.faults.set({ call: PAIRS, status: 10 });
    expect(decideRecorded(filter, aRequest({ score: 7 })).vector).toEqual([]);
  });
});

describe("a tag the host does not take", () => {
  it("is not in the record, with reason write", () => {
    const { host, filter } = startFilter(someTable());
    host.faults.set({ call: REPLACE, status: 10 });
    const record = decideRecorded(filter, aRequest({ score: 4000 }));
    expect(record).toMatchObject({ status: decision.STATUS_BASE, reason: decision.REASON_WRITE });
    expect(record.models[0]).toMatchObject({ tag: 0, bin: 4000 });
  });

  it("leaves the tag of another model in place", () => {
    const second = aModel({ name: "human", tags: [{ header: "x-limen-human", value: "yes" }] });
    const { host, filter } = startFilter(someTable({ models: [aModel(), second] }));
    host.faults.set({ call: REPLACE, status: 10, times: 1 });
    const { stream, record } = decide(filter, aRequest({ score: 4000 }));
    expect(stream.header("x-limen-human")).toBe("yes");
    expect(record?.models.map(({ tag }) => tag)).toEqual([0, 1]);
  });
});

describe("a fifth plugin", () => {
  it("counts its requests under a reason of its own", () => {
    const host = createHost();
    const filters = ["1", "2", "3", "4", "5"].map((rootId) =>
      host.addFilter({ module: filterModule(), rootId, configuration: someTable() }),
    );
    const fifth = filters[4];
    for (let second = 0; second < 3 && fifth !== undefined; second++) {
      decide(fifth, aRequest({ score: 4000 }));
      host.advance(1001);
    }
    const counted = [...host.metrics.counters].filter(([name]) => name.includes("plugins"));
    expect(counted.map(([, value]) => value)).toEqual([3n]);
  });
});
