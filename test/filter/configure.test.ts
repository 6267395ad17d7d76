import { describe, expect, it } from "vitest";
import { REASON_NO_TABLE, REASON_PLUGINS } from "../../models/decision.ts";
import { aModel, aRequest, someTable } from "../support/builders.ts";
import { decide, decideRecorded, filterModule, startFilter } from "../support/host-filter.ts";
import { createHost, type Filter, type Host } from "../support/proxy-wasm/host.ts";

const high = aRequest({ score: 4000 });

function addNamed(host: Host, rootId: string, value: string): Filter {
  const models = [aModel({ tags: [{ header: "x-limen-bot", value }] })];
  return host.addFilter({ module: filterModule(), rootId, configuration: someTable({ models }) });
}

describe("proxy_on_configure", () => {
  it("serves the base state under an empty configuration", () => {
    const { filter } = startFilter();
    const { stream } = decide(filter, high);
    expect([stream.outcome, stream.header("x-limen-bot")]).toEqual(["served", undefined]);
  });

  it("records no table under the base table", () => {
    const { filter } = startFilter(someTable({ models: [], features: [] }));
    expect(decideRecorded(filter, high).reason).toBe(REASON_NO_TABLE);
  });

  it("refuses bytes that are no table, and the old table serves on", () => {
    const { filter } = startFilter(someTable({ serial: 7 }));
    expect(filter.push(Buffer.from("not a table")).acked).toBe(false);
    expect(decideRecorded(filter, high).serial).toBe(7);
  });

  it("refuses a table with one flipped bit, and the old table serves on", () => {
    const { filter } = startFilter(someTable({ serial: 7 }));
    const bad = someTable({ serial: 8 });
    bad[bad.length - 9] = (bad[bad.length - 9] ?? 0) ^ 1;
    expect(filter.push(bad).acked).toBe(false);
    expect(decideRecorded(filter, high).serial).toBe(7);
  });

  it("takes a good table after a refused one", () => {
    const { filter } = startFilter(someTable({ serial: 7 }));
    filter.push(Buffer.from("not a table"));
    expect(filter.push(someTable({ serial: 8 })).acked).toBe(true);
    expect(decideRecorded(filter, high).serial).toBe(8);
  });

  it("returns to the base state under an empty configuration", () => {
    const { filter } = startFilter(someTable());
    filter.push(new Uint8Array());
    expect(decide(filter, high).stream.header("x-limen-bot")).toBeUndefined();
  });

  it("does not mix two plugins of one VM", () => {
    const host = createHost();
    const filters = ["one", "two"].map((name) => addNamed(host, name, name));
    const seen = filters.map((filter) => decide(filter, high).stream.header("x-limen-bot"));
    expect([...seen, host.workers[0]?.vms().length]).toEqual(["one", "two", 1]);
  });

  it("keeps the table of a neighbour when one plugin is pushed", () => {
    const host = createHost();
    const [first, second] = ["one", "two"].map((name) => addNamed(host, name, name));
    second?.push(someTable({ serial: 9, models: [aModel({ cuts: [[4096]] })] }));
    expect(first && decide(first, high).stream.header("x-limen-bot")).toBe("one");
  });

  it("serves four plugins of one VM, and a fifth in the base state with a reason", () => {
    const host = createHost();
    const filters = ["1", "2", "3", "4", "5"].map((name) => addNamed(host, name, `tag-${name}`));
    const seen = filters.map((filter) => decide(filter, high));
    expect(seen.map(({ stream }) => stream.header("x-limen-bot"))).toEqual([
      ...["tag-1", "tag-2", "tag-3", "tag-4"],
      undefined,
    ]);
    expect(seen[4]?.record?.reason ?? REASON_PLUGINS).toBe(REASON_PLUGINS);
  });

  it("strips forged tags for a fifth plugin too", () => {
    const host = createHost();
    const filters = ["1", "2", "3", "4", "5"].map((name) => addNamed(host, name, "bot"));
    const fifth = filters[4];
    const request = aRequest({ headers: [["x-limen-bot", "forged"]] });
    expect(fifth && decide(fifth, request).stream.header("x-limen-bot")).toBeUndefined();
  });
});

describe("pushes under long streams", () => {
  const SERIALS = Array.from({ length: 50 }, (_, index) => index + 2);

  it("decide on the newest table with 20 streams open over 50 pushes", () => {
    const { filter } = startFilter(someTable());
    const open = Array.from({ length: 20 }, () => filter.open(high));
    const seen = SERIALS.map((serial) => {
      filter.push(someTable({ serial }));
      open.push(filter.open(high));
      open.shift()?.close();
      return decideRecorded(filter, high).serial;
    });
    expect(seen).toEqual(SERIALS);
  });

  it("hold the memory at its size with every stream open to the end", () => {
    const { filter } = startFilter(someTable());
    const before = filter.vm().memoryBytes();
    for (const serial of SERIALS) {
      filter.push(someTable({ serial }));
      filter.open(high);
    }
    expect(filter.vm().memoryBytes()).toBe(before);
  });

  // Seen on Envoy 1.40 too: it uses a root again that a stream keeps alive, without configure.
  it("serve the older table when the very bytes of a root still alive come again", () => {
    const { filter } = startFilter(someTable({ serial: 1 }));
    filter.open(high);
    filter.push(someTable({ serial: 2 }));
    expect(filter.push(someTable({ serial: 1 })).acked).toBe(true);
    expect(decideRecorded(filter, high).serial).toBe(1);
  });

  it("are answered by every worker", () => {
    const { filter } = startFilter(someTable(), { workers: 3 });
    filter.push(someTable({ serial: 2 }));
    expect([0, 1, 2].map((worker) => decideRecorded(filter, high, worker).serial)).toEqual([
      2, 2, 2,
    ]);
  });
});
