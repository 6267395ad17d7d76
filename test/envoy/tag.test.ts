import { afterEach, describe, expect } from "vitest";
import type { Mode } from "../../control/table/table.ts";
import { aModel, someTable } from "../support/builders.ts";
import { itOnEnvoy, waitFor } from "../support/envoy.ts";
import { askUpstream, type Question, seenValues } from "../support/load.ts";
import { MODULE, push, resourceOf, type Stage, setStage, strikeStage } from "../support/stage.ts";
import type { Seen } from "../support/upstream.ts";

afterEach(strikeStage);

const scored = (score: number, more: Question["headers"] = []): Question => ({
  headers: [["x-score", String(score)], ...more],
});
const FORGED = [
  ["x-limen-bot", "bot"],
  ["X-Limen-Other", "1"],
  ["X_Limen_Bot", "bot"],
  ["x-limen_bot", "bot"],
  ["x_limen-decision", "forged"],
] as const;

/** Headers that an application could take for ours, whichever way it writes `-`. */
function limenHeaders(seen: Seen): (readonly [string, string])[] {
  return seen.headers.filter(([name]) => /^x[-_]limen[-_]/i.test(name));
}

async function pushTable(stage: Stage, table: Parameters<typeof someTable>[0] = {}): Promise<void> {
  await push(stage.control, resourceOf(someTable(table)));
}

describe("a tag", () => {
  itOnEnvoy("written by a pushed table chooses the route", async () => {
    const stage = await setStage();
    await pushTable(stage);
    const seen = await askUpstream(stage.envoy.port, scored(2048));
    expect([seen.upstream, seenValues(seen, "x-limen-bot")]).toEqual(["bots", ["bot"]]);
  });

  itOnEnvoy("is not written one bin below the cut", async () => {
    const stage = await setStage();
    await pushTable(stage);
    const seen = await askUpstream(stage.envoy.port, scored(2047));
    expect([seen.upstream, limenHeaders(seen)]).toEqual(["shop", []]);
  });

  itOnEnvoy("is written by a static table without any control service", async () => {
    const stage = await setStage({
      filters: [{ name: "limen", vmId: "vm-1", wasmPath: MODULE, table: someTable() }],
    });
    expect((await askUpstream(stage.envoy.port, scored(4000))).upstream).toBe("bots");
  });

  itOnEnvoy("follows a push that moves the cut", async () => {
    const stage = await setStage();
    await pushTable(stage);
    await pushTable(stage, { serial: 2, models: [aModel({ cuts: [[3000]] })] });
    // An ACK says that the main thread has it; the worker takes it up right after.
    const seen = await waitFor("the new cut", async () => {
      const answer = await askUpstream(stage.envoy.port, scored(2999));
      return answer.upstream === "shop" ? answer : null;
    });
    expect(limenHeaders(seen)).toEqual([]);
  });
});

/** What the application may see of ours beside a forged header, by mode. */
const MODES: readonly (readonly [string, Mode | null, number])[] = [
  ["the base state", null, 4000],
  ["mode off", "off", 4000],
  ["mode shadow", "shadow", 4000],
  ["mode tag below the cut", "tag", 0],
];

describe("forged headers", () => {
  for (const [state, mode, score] of MODES) {
    itOnEnvoy(`never pass the filter in ${state}`, async () => {
      const stage = await setStage({ removeForged: false });
      if (mode) await pushTable(stage, { models: [aModel({ modes: [mode] })] });
      const seen = await askUpstream(stage.envoy.port, scored(score, FORGED));
      expect([seen.upstream, limenHeaders(seen)]).toEqual(["shop", []]);
    });
  }

  itOnEnvoy("never pass the filter beside a tag of ours", async () => {
    const stage = await setStage({ removeForged: false });
    await pushTable(stage);
    const forged = [...FORGED, ["x-limen-bot", "person"] as const];
    const seen = await askUpstream(stage.envoy.port, scored(4000, forged));
    expect(limenHeaders(seen)).toEqual([["x-limen-bot", "bot"]]);
  });

  itOnEnvoy("never pass the filter in an exempt request", async () => {
    const stage = await setStage({ removeForged: false });
    const exempt = [{ of: "header:x-partner-key", match: "equals", text: "acme" }] as const;
    await pushTable(stage, { exempt });
    const more = [...FORGED, ["x-partner-key", "acme"] as const];
    const seen = await askUpstream(stage.envoy.port, scored(4000, more));
    expect([seen.upstream, limenHeaders(seen)]).toEqual(["shop", []]);
  });

  itOnEnvoy("never pass the native removal, whatever the filter does", async () => {
    const stage = await setStage({ filters: [] });
    const seen = await askUpstream(stage.envoy.port, scored(4000, FORGED));
    expect([seen.upstream, limenHeaders(seen)]).toEqual(["shop", []]);
  });
});
