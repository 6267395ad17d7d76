import { describe, expect, it } from "vitest";
import { hashTable } from "../../control/table/seal.ts";
import { STATUS_BASE } from "../../models/decision.ts";
import { aModel, aRequest, someTable } from "../support/builders.ts";
import { decide, decideRecorded, filterModule, startFilter } from "../support/host-filter.ts";

const request = aRequest({ score: 17 });
const digestOf = (table: Uint8Array): bigint => Buffer.from(hashTable(table)).readBigUInt64LE();

describe("the decision record", () => {
  it("is filter state wasm.limen of 40 bytes, 8 a model and 4 a feature", () => {
    const { filter } = startFilter(someTable());
    expect(decide(filter, request).stream.filterState.get("wasm.limen")?.length).toBe(40 + 8 + 4);
  });

  it("names the table by serial and digest", () => {
    const table = someTable({ serial: 77 });
    const record = decideRecorded(startFilter(table).filter, request);
    expect([record.serial, record.digest]).toEqual([77, digestOf(table)]);
  });

  it("counts its records from the VM's configure time on", () => {
    const { host, filter } = startFilter(someTable());
    const configured = host.now();
    host.advance(5000);
    const records = [1, 2, 3].map(() => decideRecorded(filter, request));
    const first = records[0]?.seq ?? 0;
    expect(records.map(({ seq }) => seq - first)).toEqual([0, 1, 2]);
    expect(records.map(({ vm }) => vm)).toEqual([configured, configured, configured]);
  });

  it("goes on counting under a new table", () => {
    const { filter } = startFilter(someTable());
    const before = decideRecorded(filter, request);
    filter.push(someTable({ serial: 2 }));
    const after = decideRecorded(filter, request);
    expect([after.seq - before.seq, after.vm]).toEqual([1, before.vm]);
  });

  it("counts two plugins of one VM in one sequence or under two names", () => {
    const { host, filter } = startFilter(someTable());
    const options = { module: filterModule(), rootId: "other", configuration: someTable() };
    const other = host.addFilter(options);
    const records = [filter, other, filter, other].map((each) => decideRecorded(each, request));
    expect(new Set(records.map(({ vm, seq }) => `${vm} ${seq}`)).size).toBe(4);
  });

  it("carries the time of the decision", () => {
    const { host, filter } = startFilter(someTable());
    host.advance(1234);
    expect(decideRecorded(filter, request).time).toBe(host.now());
  });

  it("carries an entry a model, in table order", () => {
    const models = [aModel(), aModel({ name: "half", lo: 0, hi: 8192 })];
    const record = decideRecorded(
      startFilter(someTable({ models })).filter,
      aRequest({ score: 40 }),
    );
    expect(record.models.map(({ bin }) => bin)).toEqual([40, 20]);
  });

  it("carries the vector that was scored, missing as NaN", () => {
    const features = [
      { name: "score", of: "header:x-score", is: "number" },
      { name: "absent", of: "header:x-absent", is: "length" },
      { name: "path", of: "path", is: "length" },
    ];
    const { filter } = startFilter(someTable({ features }));
    expect(decideRecorded(filter, aRequest({ score: 17, path: "/abc" })).vector).toEqual([
      17,
      Number.NaN,
      4,
    ]);
  });

  it("carries no vector at a share of 0", () => {
    expect(decideRecorded(startFilter(someTable({ vector: 0 })).filter, request).vector).toEqual(
      [],
    );
  });

  it("is not written when the table does not ask for it", () => {
    const { filter } = startFilter(someTable({ record: false }));
    expect(decide(filter, request).record).toBeUndefined();
  });

  it("is written in the base state too", () => {
    const { filter } = startFilter(someTable());
    expect(decideRecorded(filter, request).status).toBe(STATUS_BASE);
  });
});
