import { describe, expect, it } from "vitest";
import { type Classified, classifyDecision, nameFlags } from "../../../control/explain/classify.ts";
import * as decision from "../../../models/decision.ts";

const decided = (parts: Partial<Classified> = {}) =>
  classifyDecision({
    reason: decision.REASON_BELOW_CUT,
    code: 200,
    flags: [],
    isPositive: false,
    label: undefined,
    ...parts,
  });

/** Every reason there is, and its row when the response is a 200 and nothing is labelled. */
const ROWS: Readonly<Record<string, string | null>> = {
  REASON_NONE: null,
  REASON_NO_TABLE: "scorer-abstained",
  REASON_EXEMPT: "scorer-abstained",
  REASON_OFF: "scorer-abstained",
  REASON_SHADOW: null,
  REASON_AUDIT: null,
  REASON_BELOW_CUT: null,
  REASON_TRUSTED: "scorer-abstained",
  REASON_OVERSIZE: "scorer-failed",
  REASON_NO_HEADERS: "scorer-failed",
  REASON_WORK: "scorer-failed",
  REASON_PLUGINS: "scorer-failed",
  REASON_NAN: "scorer-failed",
  REASON_WRITE: "scorer-failed",
};

describe("classifyDecision", () => {
  it("knows every reason of the record", () => {
    expect(Object.keys(ROWS).length).toBe(decision.REASON_COUNT);
  });

  for (const [name, row] of Object.entries(ROWS)) {
    const reason = (decision as unknown as Record<string, number>)[name] ?? -1;
    it(`takes ${name} for ${row ?? "nothing bad"}`, () => {
      expect(decided({ reason })).toBe(row);
    });
  }

  it("takes a 500 of a scored request for a failed upstream", () => {
    expect(decided({ code: 500 })).toBe("upstream-failed");
  });

  it("takes a 499 for nothing bad", () => {
    expect(decided({ code: 499 })).toBeNull();
  });

  it("takes a missing response for a failed upstream", () => {
    expect(decided({ code: 0 })).toBe("upstream-failed");
  });

  for (const flag of ["DC", "DR"]) {
    it(`takes a missing response for nothing bad when the client left (${flag})`, () => {
      expect(decided({ code: 0, flags: [flag] })).toBeNull();
    });
  }

  for (const flag of ["UH", "UT", "UR", "UF", "UC", "UO", "URX", "UMSDR", "UPE", "DF"]) {
    it(`takes a 200 that ${flag} broke off for a failed upstream`, () => {
      expect(decided({ flags: [flag] })).toBe("upstream-failed");
    });
  }

  it("blames the scorer when scorer and upstream failed", () => {
    expect(decided({ reason: decision.REASON_NAN, code: 503 })).toBe("scorer-failed");
  });

  it("blames the upstream when it failed on an exempt request", () => {
    expect(decided({ reason: decision.REASON_EXEMPT, code: 503 })).toBe("upstream-failed");
  });

  it.each([
    [true, 1, null],
    [true, 0, "prediction-wrong"],
    [false, 1, "prediction-wrong"],
    [false, 0, null],
    [null, 1, null],
    [true, undefined, null],
  ] as const)("takes positive %s with label %s for %s", (isPositive, label, row) => {
    expect(decided({ isPositive, label })).toBe(row);
  });
});

describe("nameFlags", () => {
  // Field numbers of envoy.data.accesslog.v3.ResponseFlags.
  it.each([
    [2, "UH"],
    [6, "UF"],
    [15, "DC"],
    [20, "UMSDR"],
    [27, "DF"],
    [28, "DR"],
    [32, "flag 32"],
  ])("names field %i %s", (field, name) => {
    expect(nameFlags((1 << (field - 1)) >>> 0)).toEqual([name]);
  });

  it("names several in the order of their fields", () => {
    expect(nameFlags((1 << 15) | (1 << 5))).toEqual(["UF", "URX"]);
  });
});
