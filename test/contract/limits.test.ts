import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Table } from "../../control/table/table.ts";
import * as limits from "../../models/limits.ts";
import { REFUSE_SCAN } from "../../models/refusals.ts";
import * as layout from "../../models/table-layout.ts";
import { aTable } from "../support/builders.ts";
import { openOffline } from "../support/host-offline.ts";
import { fillTable, LIMIT_CASES } from "./limit-cases.ts";
import { changed, findSection } from "./mutate.ts";

type Encode = typeof import("../../control/table/encode.ts").encodeTable;

/** A writer that knows no cap, so that the reader meets what our own writer never sends. */
async function importUncapped(): Promise<Encode> {
  vi.resetModules();
  vi.doMock("../../models/limits.ts", () => ({
    ...Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, value * 4])),
    BINS: limits.BINS,
    CUT_NONE: limits.CUT_NONE,
    SHARE_ALL: limits.SHARE_ALL,
    // Written into every feature that asks for nothing else.
    SCAN_BYTES_MAX: limits.SCAN_BYTES_MAX,
  }));
  const { encodeTable } = await import("../../control/table/encode.ts");
  vi.doUnmock("../../models/limits.ts");
  vi.resetModules();
  return encodeTable;
}

let encodeCapped: Encode;
let encodeUncapped: Encode;
beforeAll(async () => {
  encodeUncapped = await importUncapped();
  ({ encodeTable: encodeCapped } = await import("../../control/table/encode.ts"));
});
const OFFLINE = openOffline();

describe.each(Object.keys(LIMIT_CASES))("%s", (name) => {
  const { most = 0, build = () => ({}), code } = LIMIT_CASES[name] ?? {};

  it("is written and read at its cap", () => {
    expect(OFFLINE.check(encodeCapped(aTable(build(most))))).toBe(0);
  });

  it("is refused by the writer at one above", () => {
    expect(() => encodeCapped(aTable(build(most + 1)))).toThrow(/cap|whole number from/);
  });

  it("is refused by the reader at one above, and not for another reason", () => {
    expect(OFFLINE.check(encodeUncapped(aTable(build(most))))).toBe(0);
    const answer = OFFLINE.check(encodeUncapped(aTable(build(most + 1))));
    expect(answer).not.toBe(0);
    if (code !== undefined) expect(answer).toBe(code);
  });
});

describe("TABLE_BYTES_MAX", () => {
  const atCap = fillTable(limits.TABLE_BYTES_MAX, (table) => encodeUncapped(table).length);
  const above = fillTable(limits.TABLE_BYTES_MAX + 8, (table) => encodeUncapped(table).length);

  it("is written and read at its cap", () => {
    const bytes = encodeCapped(atCap());
    expect([bytes.length, OFFLINE.check(bytes)]).toEqual([limits.TABLE_BYTES_MAX, 0]);
  });

  it("is refused by the writer at the next length", () => {
    expect(() => encodeCapped(above())).toThrow("table bytes");
  });

  it("is refused by the reader at the next length", () => {
    const bytes = encodeUncapped(above());
    expect(bytes.length).toBe(limits.TABLE_BYTES_MAX + 8);
    expect(OFFLINE.check(bytes)).not.toBe(0);
  });
});

describe("SCAN_BYTES_MAX", () => {
  const withScan = (max: number): Table =>
    aTable({ features: [{ name: "score", of: "header:x-score", is: "number", max }] });
  const atCap = (): Uint8Array => encodeCapped(withScan(limits.SCAN_BYTES_MAX));

  it("is written and read at its cap", () => {
    expect(OFFLINE.check(atCap())).toBe(0);
  });

  it("is refused by the writer at one above", () => {
    expect(() => encodeCapped(withScan(limits.SCAN_BYTES_MAX + 1))).toThrow("8193");
  });

  it("is refused by the reader at one above", () => {
    const { offset } = findSection(atCap(), layout.KIND_FEATURES);
    const above = changed(atCap(), (copy) => {
      copy.writeUInt32LE(limits.SCAN_BYTES_MAX + 1, offset + layout.FEATURE_SCAN);
    });
    expect(OFFLINE.check(above)).toBe(REFUSE_SCAN);
  });
});
