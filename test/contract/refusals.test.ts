import { describe, expect, it } from "vitest";
import * as refusals from "../../models/refusals.ts";
import { startFilter } from "../support/host-filter.ts";
import { openOffline } from "../support/host-offline.ts";
import { EDGE_CASES, LINEAR, REFUSAL_CASES, ROWS, TREES } from "./refusal-cases.ts";

const OFFLINE = openOffline();
const codes: Readonly<Record<string, number>> = refusals;

/** Caused by a host that fails, and by tables above a cap: tested there. */
const ELSEWHERE = ["REFUSE_NONE", "REFUSE_UNREAD", "REFUSE_DEPTH", "REFUSE_STEPS"];

describe("a refusal", () => {
  it("has a case for each of its codes", () => {
    expect([...Object.keys(REFUSAL_CASES), ...ELSEWHERE].sort()).toEqual(Object.keys(codes).sort());
  });

  it("meets none of the tables the cases are made of", () => {
    expect([LINEAR, TREES, ROWS].map((table) => OFFLINE.check(table))).toEqual([0, 0, 0]);
  });

  it.each(Object.keys(REFUSAL_CASES))("is %s for its one fault", (name) => {
    expect(OFFLINE.check(REFUSAL_CASES[name]?.() ?? LINEAR)).toBe(codes[name]);
  });

  it.each(Object.keys(EDGE_CASES))("meets %s", (name) => {
    const [code = "", build = () => LINEAR] = EDGE_CASES[name] ?? [];
    expect(OFFLINE.check(build())).toBe(codes[code]);
  });

  it("leaves the table that was loaded before in use", () => {
    OFFLINE.check(LINEAR);
    const before = OFFLINE.features([["x-score", "5"]]);
    OFFLINE.check(REFUSAL_CASES["REFUSE_CUT"]?.() ?? LINEAR);
    expect(OFFLINE.features([["x-score", "5"]])).toEqual(before);
  });

  it("is unread when the host gives no bytes, and is logged with its code", () => {
    const { host, filter } = startFilter(LINEAR);
    host.faults.set({ call: "proxy_get_buffer_bytes", status: 10 });
    expect(filter.push(TREES).acked).toBe(false);
    expect(host.logs.map(({ text }) => text)).toEqual([
      `limen: configuration refused, code ${refusals.REFUSE_UNREAD}`,
    ]);
  });

  it("is the same in the filter", () => {
    const { host, filter } = startFilter(LINEAR);
    filter.push(REFUSAL_CASES["REFUSE_CUT"]?.() ?? LINEAR);
    expect(host.logs.at(-1)?.text).toContain(`code ${refusals.REFUSE_CUT}`);
  });
});
