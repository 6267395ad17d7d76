// Envoy takes up a root context again, without configuring it, when its very bytes come back while
// a stream opened under them is still there. The filter must then go by the stream's root, not by
// what it was configured with last (filter/host/roots.ts).
import { Agent, request } from "node:http";
import { afterEach, describe, expect } from "vitest";
import type { Resource } from "../../control/xds/resource.ts";
import { aModel, someTable } from "../support/builders.ts";
import { itOnEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import { askUpstream, seenValues } from "../support/load.ts";
import {
  atStrike,
  push,
  resourceOf,
  type Stage,
  setStage,
  startControl,
  strikeStage,
} from "../support/stage.ts";

afterEach(strikeStage);

const TAGGED = [["x-score", "4000"]] as const;
const TTL_MS = 1000;

/** A table that writes its own name as the tag. */
function tableOf(serial: number, value: string): Resource {
  const tags = [{ header: "x-limen-bot", value }];
  return resourceOf(someTable({ serial, models: [aModel({ tags })] }));
}

/** What the application sees of a stream that stays open until the test ends; resolves at its head. */
function holdStream(stage: Stage): Promise<string> {
  const agent = new Agent({ keepAlive: true });
  atStrike(async () => agent.destroy());
  return new Promise((resolve, reject) => {
    const headers = Object.fromEntries(TAGGED);
    const sent = request({ host: LOOPBACK, port: stage.envoy.port, path: "/hold", headers, agent });
    sent.on("error", reject);
    sent.once("response", (response) => {
      response.on("error", () => {});
      response.resume();
      resolve(String(response.headers["x-saw-tag"]));
    });
    sent.end();
  });
}

/** The tags an application sees on the next request. */
async function tagsOf(stage: Stage): Promise<string[]> {
  return seenValues(await askUpstream(stage.envoy.port, { headers: TAGGED }), "x-limen-bot");
}

/** The ACK comes from Envoy's main thread; its worker takes the table up in its next turn. */
function waitForTags(stage: Stage, tags: readonly string[], timeoutMs = 5000): Promise<string[]> {
  return waitFor(
    `the tags [${tags}]`,
    async () => {
      const seen = await tagsOf(stage);
      return JSON.stringify(seen) === JSON.stringify(tags) ? seen : null;
    },
    timeoutMs,
  );
}

/** Tags of twenty requests after the tags have settled. */
async function settledTags(stage: Stage): Promise<string[]> {
  const seen = new Set<string>();
  for (let index = 0; index < 20; index += 1) seen.add((await tagsOf(stage)).join());
  return [...seen];
}

describe("a table whose very bytes are pushed again while an old stream holds its root", () => {
  itOnEnvoy("tags the next request, after another table was in between", async () => {
    const stage = await setStage();
    const [a, b] = [tableOf(1, "a"), tableOf(2, "b")];
    await push(stage.control, a);
    await waitForTags(stage, ["a"]);
    expect(await holdStream(stage)).toBe("a");
    await push(stage.control, b);
    await waitForTags(stage, ["b"]);
    await push(stage.control, a);
    await waitForTags(stage, ["a"]);
    expect(await settledTags(stage)).toEqual(["a"]);
  });

  itOnEnvoy("tags each time when two tables take turns, both with a stream open", async () => {
    const stage = await setStage();
    const tables = { a: tableOf(1, "a"), b: tableOf(2, "b") };
    for (const name of ["a", "b"] as const) {
      await push(stage.control, tables[name]);
      await waitForTags(stage, [name]);
      expect(await holdStream(stage)).toBe(name);
    }
    for (const name of ["a", "b", "a", "b"] as const) {
      await push(stage.control, tables[name]);
      await waitForTags(stage, [name]);
    }
    expect(await settledTags(stage)).toEqual(["b"]);
  });
});

describe("a TTL that ends while old streams hold both roots", () => {
  itOnEnvoy("leads back to the default, and the same bytes bring the tag back", async () => {
    const stage = await setStage();
    expect(await holdStream(stage)).toBe("");
    const table = tableOf(1, "a");
    await push(stage.control, table, { ttlMs: TTL_MS });
    await waitForTags(stage, ["a"]);
    expect(await holdStream(stage)).toBe("a");
    const { port } = stage.control;
    await stage.control.close();
    await waitForTags(stage, [], 4 * TTL_MS);
    expect(await settledTags(stage)).toEqual([""]);
    const again = await startControl({ port });
    again.setTarget(table.name, table, { ttlMs: 60_000 });
    await waitForTags(stage, ["a"], 10_000);
    expect(await settledTags(stage)).toEqual(["a"]);
  });
});
