import { describe, expect, it } from "vitest";
import { aRequest, someTable } from "../support/builders.ts";
import { decide, filterModule, startFilter } from "../support/host-filter.ts";
import type { Filter } from "../support/proxy-wasm/host.ts";

const high = aRequest({ score: 4000 });
const tagOf = (filter: Filter): string | undefined =>
  decide(filter, high).stream.header("x-limen-bot");

describe("a root context that an open stream keeps alive", () => {
  it("serves its table when its bytes come back after an empty configuration", () => {
    const table = someTable();
    const { filter } = startFilter(table);
    filter.open(high);
    filter.push(new Uint8Array());
    const between = tagOf(filter);
    filter.push(table);
    expect([between, tagOf(filter)]).toEqual([undefined, "bot"]);
  });

  it("serves the base state when the empty configuration comes back after many tables", () => {
    const { filter } = startFilter();
    filter.open(high);
    for (let serial = 1; serial <= 50; serial++) filter.push(someTable({ serial }));
    const between = tagOf(filter);
    filter.push(new Uint8Array());
    expect([between, tagOf(filter)]).toEqual(["bot", undefined]);
  });

  it("does not serve the bytes of a table that was refused into its slot", () => {
    const table = someTable({ serial: 1 });
    const { filter } = startFilter(table);
    filter.open(high);
    filter.push(someTable({ serial: 2 }));
    filter.push(Buffer.from("not a table"));
    filter.push(table);
    expect(decide(filter, high).record?.serial).toBe(1);
  });

  it("of one plugin leaves the neighbour in its VM alone", () => {
    const { host, filter } = startFilter();
    const other = host.addFilter({
      module: filterModule(),
      rootId: "other",
      configuration: someTable(),
    });
    filter.open(high);
    filter.push(someTable());
    filter.push(new Uint8Array());
    expect([tagOf(filter), tagOf(other)]).toEqual([undefined, "bot"]);
  });
});
