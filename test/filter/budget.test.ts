import { describe, expect, it } from "vitest";
import type { Table } from "../../control/table/table.ts";
import { aModel, aRequest, type RequestParts, someTable } from "../support/builders.ts";
import { filterModule, startFilter } from "../support/host-filter.ts";
import type { Header } from "../support/proxy-wasm/header-map.ts";

const PAIRS = "proxy_get_header_map_pairs";
const CLOCK = "proxy_get_current_time_nanoseconds";
const REPLACE = "proxy_replace_header_map_value";
const REMOVE = "proxy_remove_header_map_value";
const SET_ALL = "proxy_set_header_map_pairs";
const RECORD = "proxy_set_property";
const PROPERTY = "proxy_get_property";

/** Host calls of a request in the steady state: metrics are defined and flushed already. */
function callsOf(table: Partial<Table>, parts: RequestParts): string[] {
  const { filter } = startFilter(someTable(table));
  filter.open(aRequest({ score: 1 })).close();
  return [...filter.open(aRequest(parts)).calls].sort();
}

const forged = (count: number): Header[] =>
  Array.from({ length: count }, (_, index) => [`x-limen-forged-${index}`, "bot"]);

describe("host calls of a request", () => {
  it("are three for a base request", () => {
    expect(callsOf({}, { score: 1 })).toEqual([CLOCK, PAIRS, RECORD].sort());
  });

  it("are one more for a tag", () => {
    expect(callsOf({}, { score: 4000 })).toEqual([CLOCK, PAIRS, REPLACE, RECORD].sort());
  });

  it("are one more for each model that tags", () => {
    const second = aModel({ name: "human", tags: [{ header: "x-limen-human", value: "yes" }] });
    expect(callsOf({ models: [aModel(), second] }, { score: 4000 })).toEqual(
      [CLOCK, PAIRS, REPLACE, REPLACE, RECORD].sort(),
    );
  });

  it("are one less when the table asks for no record", () => {
    expect(callsOf({ record: false }, { score: 1 })).toEqual([CLOCK, PAIRS].sort());
  });

  it("are one more for the token", () => {
    expect(callsOf({ token: true }, { score: 1 })).toEqual([CLOCK, PAIRS, RECORD, REPLACE].sort());
  });

  it.each([1, 8])("are one more for each of %i forged headers", (count) => {
    expect(callsOf({}, { score: 1, headers: forged(count) })).toEqual(
      [CLOCK, PAIRS, RECORD, ...Array.from({ length: count }, () => REMOVE)].sort(),
    );
  });

  it.each([9, 80])("are one more for %i forged headers together", (count) => {
    expect(callsOf({}, { score: 1, headers: forged(count) })).toEqual(
      [CLOCK, PAIRS, RECORD, SET_ALL].sort(),
    );
  });

  it("are one more for each Envoy property a feature reads", () => {
    const features = [
      { name: "score", of: "header:x-score", is: "number" },
      { name: "address", of: "source.address", is: "length" },
      { name: "mtls", of: "connection.mtls", is: "present" },
    ];
    expect(callsOf({ features }, { score: 1 })).toEqual(
      [CLOCK, PAIRS, PROPERTY, PROPERTY, RECORD].sort(),
    );
  });

  it("are no more when several plugins share the VM", () => {
    const { host, filter } = startFilter(someTable());
    host.addFilter({ module: filterModule(), rootId: "other", configuration: someTable() });
    filter.open(aRequest({ score: 1 })).close();
    expect([...filter.open(aRequest({ score: 1 })).calls].sort()).toEqual(
      [CLOCK, PAIRS, RECORD].sort(),
    );
  });
});
