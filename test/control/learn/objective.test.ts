import { describe, expect, it } from "vitest";
import { parseObjective } from "../../../control/learn/objective.ts";

describe("parseObjective", () => {
  it.each([
    ["alert:0.02", 0.02],
    ["alert:.05", 0.05],
    ["alert:0.0001", 0.0001],
    ["alert:0.5", 0.5],
    ["alert:1e-3", 0.001],
  ])("reads %s", (text, share) => {
    expect(parseObjective(text)).toEqual({ kind: "alert", share });
  });

  it("reads none as no objective", () => {
    expect(parseObjective("none")).toBeNull();
  });

  it.each([
    ["fpr:0.01", 0.01],
    ["fpr:0.001", 0.001],
    ["fpr:0.5", 0.5],
  ])("reads %s", (text, rate) => {
    expect(parseObjective(text)).toEqual({ kind: "fpr", rate });
  });

  it.each(["precision:0.7", "recall:0.95", "cost:fp=1,fn=5", "fbeta:1"])(
    "answers %s with: not in this version",
    (text) => {
      expect(() => parseObjective(text)).toThrow(/not in this version/);
    },
  );

  it.each([
    "fpr:0.0009",
    "fpr:0.51",
    "alert:0.00009",
    "alert:0.51",
    "alert:",
    "alert:x",
    "alert:-1",
    "alert:2%",
    "warn:1",
    "",
  ])("refuses %j and shows one that is right", (text) => {
    expect(() => parseObjective(text)).toThrow(/like alert:0.02/);
  });
});
