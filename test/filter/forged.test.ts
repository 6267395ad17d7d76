import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Table } from "../../control/table/table.ts";
import { REASON_TRUSTED } from "../../models/decision.ts";
import { aModel, aRequest, someTable } from "../support/builders.ts";
import { decide, startFilter } from "../support/host-filter.ts";
import type { Header } from "../support/proxy-wasm/header-map.ts";

const NAMES = [
  "x-limen-bot",
  "X_Limen_Bot",
  "X-LIMEN-OTHER",
  "x-limen_decision",
  "x_limen-",
  "x-limen-",
];
const FORGED: Header[] = NAMES.map((name) => [name, "forged"]);
const KEPT: Header[] = [
  ["x-limens", "1"],
  ["x-lime", "2"],
  ["x-limen", "3"],
  ["my-x-limen-bot", "4"],
];

const MODES: Readonly<Record<string, Uint8Array | undefined>> = {
  "no table": undefined,
  "the base table": someTable({ models: [], features: [] }),
  off: someTable({ models: [aModel({ modes: ["off"] })] }),
  shadow: someTable({ models: [aModel({ modes: ["shadow"] })] }),
  tag: someTable(),
  audit: someTable({ audit: 1 }),
  exempt: someTable({ exempt: [{ of: "path", match: "prefix", text: "/" }] }),
};

describe("forged headers", () => {
  it.each(Object.keys(MODES))(
    "are gone under %s, all spellings, and no other header is",
    (mode) => {
      const { filter } = startFilter(MODES[mode]);
      const { stream } = decide(filter, aRequest({ score: 1, headers: [...FORGED, ...KEPT] }));
      const left = stream.headers().filter(([name]) => name.includes("limen") || name === "x-lime");
      expect(left).toEqual(KEPT);
    },
  );

  it("are replaced by our tag when one is written", () => {
    const { filter } = startFilter(someTable());
    const { stream } = decide(filter, aRequest({ score: 4000, headers: FORGED }));
    expect(stream.headers().filter(([name]) => name.includes("limen"))).toEqual([
      ["x-limen-bot", "bot"],
    ]);
  });

  it("are gone when they are repeated, for any number, with all else in place", () => {
    const { filter } = startFilter(someTable());
    const name = fc.constantFrom("x-limen-bot", "x_limen_bot", "x-limen-a", "accept", "x-other");
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.string()), { maxLength: 40 }), (headers) => {
        const { stream } = decide(filter, aRequest({ score: 1, headers }));
        const kept = headers.filter(([key]) => key === "accept" || key === "x-other");
        expect(stream.headers().slice(5)).toEqual(kept);
      }),
    );
  });
});

describe("trust: mesh", () => {
  const mesh = (table: Partial<Table> = {}) =>
    startFilter(someTable({ trustMesh: true, ...table }));

  it("keeps the tag of an earlier hop and does not score again", () => {
    const request = aRequest({ score: 4000, headers: [["x-limen-bot", "suspect"]] });
    const { stream, record } = decide(mesh().filter, request);
    expect([stream.header("x-limen-bot"), record?.reason]).toEqual(["suspect", REASON_TRUSTED]);
  });

  it("keeps all other headers of a request above the caps", () => {
    const many = Array.from({ length: 1015 }, (_, index): Header => [`h-${index}`, "v"]);
    const tags = Array.from({ length: 12 }, (_, index): Header => [`x-limen-${index}`, "kept"]);
    const { stream } = decide(mesh().filter, aRequest({ score: 1, headers: [...many, ...tags] }));
    expect(stream.headers().filter(([name]) => name.startsWith("h-"))).toEqual(many);
  });

  it("scores a request that comes without a tag", () => {
    const { stream } = decide(mesh().filter, aRequest({ score: 4000 }));
    expect(stream.header("x-limen-bot")).toBe("bot");
  });
});
