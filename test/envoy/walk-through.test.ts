import { describe, expect, it } from "vitest";
import { itOnEnvoy } from "../support/envoy.ts";
import { readBlocks, walkThrough } from "../support/walk-through.ts";

describe("the walk-through of envoy/README.md", () => {
  it("starts applications, the service and Envoy, and asks them something", () => {
    const names = readBlocks().map(({ kind, name }) => (kind === "start" ? name : "run"));
    expect(names.slice(0, 5)).toEqual(["echo", "limen", "envoy", "func-e", "run"]);
  });

  itOnEnvoy("goes as it stands there, with the Envoy that Limen found", async () => {
    const printed = await walkThrough({ without: ["func-e"] });
    expect(printed.length).toBeGreaterThan(6);
  });
});
