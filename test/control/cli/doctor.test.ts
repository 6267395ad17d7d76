// How findings look; what is found: test/control/doctor/ and test/envoy/doctor.test.ts.
import { describe, expect, it } from "vitest";
import { writeFindings } from "../../../control/cli/doctor.ts";
import { ok, warn } from "../../../control/doctor/finding.ts";

const WORDS = "a proxy that is known and was not heard of for a long while now";
const FINDINGS = [ok("seen", WORDS), warn("access-log", WORDS, WORDS)];

describe("writeFindings", () => {
  it.each([60, 80, 120])("stays within %i columns", (columns) => {
    const widths = writeFindings(FINDINGS, columns)
      .split("\n")
      .map((line) => line.length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(columns);
  });

  it("loses no word to the width", () => {
    const words = (text: string) => text.split(/\s+/).sort();
    expect(words(writeFindings(FINDINGS, 60))).toEqual(words(writeFindings(FINDINGS)));
  });

  it("gives a finding a line where there is no terminal, and what to do another", () => {
    expect(writeFindings(FINDINGS).split("\n")).toHaveLength(2 + 1 + 2);
  });

  it("counts one warning as one", () => {
    expect(writeFindings(FINDINGS)).toMatch(/^0 failed, 1 warning, 0 skipped, 1 ok$/m);
  });
});
