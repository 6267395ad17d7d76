import { describe, expect, it } from "vitest";
import { explainBuild, INSTALLATION, placeCache, placeWork } from "../../control/installation.ts";

const CHECKOUT = { root: "/home/ann/limen", isPackage: false };
const PACKAGE = { root: "/srv/app/node_modules/limen", isPackage: true };

describe("INSTALLATION", () => {
  it("is a checkout where TypeScript runs from source", () => {
    expect(INSTALLATION.isPackage).toBe(false);
  });
});

describe("placeCache", () => {
  it("keeps downloads in the checkout", () => {
    const env = { HOME: "/home/ann", XDG_CACHE_HOME: "/cache" };
    expect(placeCache(CHECKOUT, env, "linux")).toBe("/home/ann/limen/.cache");
  });

  const places: readonly [string, NodeJS.ProcessEnv, NodeJS.Platform, string][] = [
    ["XDG_CACHE_HOME", { HOME: "/home/ann", XDG_CACHE_HOME: "/cache" }, "linux", "/cache/limen"],
    ["the home folder", { HOME: "/home/ann" }, "linux", "/home/ann/.cache/limen"],
    [
      "the home folder when XDG_CACHE_HOME is relative",
      { HOME: "/home/ann", XDG_CACHE_HOME: "cache" },
      "linux",
      "/home/ann/.cache/limen",
    ],
    ["Library on macOS", { HOME: "/Users/ann" }, "darwin", "/Users/ann/Library/Caches/limen"],
  ];
  it.each(places)("keeps downloads of a package below %s", (_, env, system, place) => {
    expect(placeCache(PACKAGE, env, system)).toBe(place);
  });
});

describe("placeWork", () => {
  it("takes the folder npm was called in for a checkout", () => {
    expect(placeWork(CHECKOUT, { INIT_CWD: "/home/ann/models" })).toBe("/home/ann/models");
  });

  it("takes the working folder for a package, whatever script npm runs", () => {
    expect(placeWork(PACKAGE, { INIT_CWD: "/home/ann/models" })).toBe(process.cwd());
  });
});

describe("explainBuild", () => {
  it("asks for a build in a checkout only", () => {
    const asks = [CHECKOUT, PACKAGE].map((each) => explainBuild(each).includes("npm run build"));
    expect(asks).toEqual([true, false]);
  });
});
