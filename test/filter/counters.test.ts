import { describe, expect, it } from "vitest";
import { aRequest, someTable } from "../support/builders.ts";
import { decide, filterModule, startFilter } from "../support/host-filter.ts";
import type { Host } from "../support/proxy-wasm/host.ts";

const METRIC_CALL = /^proxy_(define|increment|record|get)_metric$/;
const totalOf = (host: Host): bigint =>
  [...host.metrics.counters.values()].reduce((sum, value) => sum + value, 0n);
const high = aRequest({ score: 4000 });
const low = aRequest({ score: 1 });

/** Decisions so far flushed: the next one after a second carries them out. */
function settle(host: Host): void {
  host.advance(1001);
}

describe("counters", () => {
  it("are flushed at most once a second", () => {
    const { host, filter } = startFilter(someTable());
    let flushes = 0;
    for (let request = 0; request < 5000; request++) {
      host.advance(1);
      if (decide(filter, high).stream.calls.includes("proxy_increment_metric")) flushes++;
    }
    expect([flushes >= 4, flushes <= 6]).toEqual([true, true]);
  });

  it("cost no call within a second", () => {
    const { host, filter } = startFilter(someTable());
    settle(host);
    decide(filter, high);
    const calls = Array.from({ length: 100 }, () => decide(filter, high).stream.calls).flat();
    expect(calls.filter((call) => METRIC_CALL.test(call))).toEqual([]);
  });

  it("lose nothing between flushes", () => {
    const { host, filter } = startFilter(someTable());
    for (let request = 0; request < 300; request++) decide(filter, request % 3 ? high : low);
    settle(host);
    decide(filter, high);
    settle(host);
    decide(filter, high);
    const decided = [...host.metrics.counters].filter(([name]) => /tagged|below/.test(name));
    const sum = decided.reduce((total, [, value]) => total + value, 0n);
    expect(sum).toBeGreaterThanOrEqual(301n);
    expect(sum).toBeLessThanOrEqual(302n);
  });

  it("are defined once, however many tables are pushed", () => {
    const { host, filter } = startFilter(someTable());
    settle(host);
    decide(filter, high);
    settle(host);
    decide(filter, low);
    const before = filter.vm().metrics.count();
    for (let serial = 2; serial < 30; serial++) {
      filter.push(someTable({ serial }));
      settle(host);
      decide(filter, high);
    }
    expect(filter.vm().metrics.count()).toBe(before);
  });

  it("carry the plugin's name, so that two filters do not share one", () => {
    const { host, filter } = startFilter(someTable(), { rootId: "first" });
    const options = { module: filterModule(), rootId: "second", vmId: "second" };
    const other = host.addFilter({ ...options, configuration: someTable() });
    for (const each of [filter, other]) {
      decide(each, high);
      settle(host);
      decide(each, high);
    }
    const names = [...host.metrics.counters.keys(), ...host.metrics.gauges.keys()];
    expect(names.filter((name) => !/first|second/.test(name))).toEqual([]);
    expect(names.some((name) => name.includes("first"))).toBe(true);
    expect(names.some((name) => name.includes("second"))).toBe(true);
  });

  it("count nothing in a canary", () => {
    const { host, filter } = startFilter(someTable());
    filter.push(someTable({ serial: 2 }));
    filter.push(Buffer.from("bad"));
    expect([totalOf(host), host.metrics.gauges.size]).toEqual([0n, 0]);
  });
});

describe("the gauge of the serial", () => {
  const serials = (host: Host): bigint[] =>
    [...host.metrics.gauges].filter(([name]) => name.includes("serial")).map(([, value]) => value);

  it("appears with the first request scored under the table", () => {
    const { host, filter } = startFilter(someTable({ serial: 41 }));
    expect(serials(host)).toEqual([]);
    decide(filter, high);
    expect(serials(host)).toEqual([41n]);
  });

  it("follows a push with the next scored request", () => {
    const { host, filter } = startFilter(someTable({ serial: 41 }));
    decide(filter, high);
    filter.push(someTable({ serial: 42 }));
    expect(serials(host)).toEqual([41n]);
    decide(filter, high);
    expect(serials(host)).toEqual([42n]);
  });

  it("stays when a table is refused", () => {
    const { host, filter } = startFilter(someTable({ serial: 41 }));
    decide(filter, high);
    filter.push(someTable({ serial: 42 }).subarray(8));
    decide(filter, high);
    expect(serials(host)).toEqual([41n]);
  });
});
