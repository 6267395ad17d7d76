import { afterEach, beforeEach, describe, expect } from "vitest";
import { someTable } from "../support/builders.ts";
import { itOnEnvoy, waitFor } from "../support/envoy.ts";
import { ask, runLoad } from "../support/load.ts";
import {
  push,
  resourceOf,
  type Stage,
  setStage,
  startControl,
  strikeStage,
  waitForAck,
} from "../support/stage.ts";

afterEach(strikeStage);

const TAGGED = { headers: [["x-score", "4000"]] } as const;
const TTL_MS = 2000;
/** After a restart of control a proxy has its learned tag back by then. */
const BACK_MS = 2000;

/** Statuses other than 200, of all requests of a test. */
const failed: number[] = [];
beforeEach(() => {
  failed.length = 0;
});

async function upstreamOf(stage: Stage): Promise<string> {
  const { status, headers } = await ask(stage.envoy.port, TAGGED);
  if (status !== 200) failed.push(status);
  return String(headers["x-upstream"]);
}

async function waitForUpstream(stage: Stage, name: string, timeoutMs: number): Promise<number> {
  const start = performance.now();
  const look = async () => ((await upstreamOf(stage)) === name ? true : null);
  await waitFor(`an answer of ${name}`, look, timeoutMs);
  return performance.now() - start;
}

const RELOADS = "http_filter.limen.config_reload";
async function readReloads(stage: Stage): Promise<number | undefined> {
  const stats = await stage.envoy.readStats(`${RELOADS}$`);
  return stats[`extension_config_discovery.${RELOADS}`];
}

describe("a control service that is down from the start", () => {
  itOnEnvoy("leaves a proxy that serves at once, in the base state", async () => {
    const free = await startControl();
    const xds = { host: "127.0.0.1", port: free.port };
    await free.close();
    const stage = await setStage({ xds });
    const answers = await runLoad({
      port: stage.envoy.port,
      requests: 200,
      connections: 4,
      question: TAGGED,
    });
    expect([answers, stage.shop.count(), stage.bots.count()]).toEqual([{ 200: 200 }, 200, 0]);
  });

  itOnEnvoy("gives its table within 2 s of coming up", async () => {
    const free = await startControl();
    const { port } = free;
    await free.close();
    const stage = await setStage({ xds: { host: "127.0.0.1", port } });
    expect(await upstreamOf(stage)).toBe("shop");
    const late = await startControl({ port });
    late.setTarget("limen", resourceOf(someTable()));
    expect(await waitForUpstream(stage, "bots", 10_000)).toBeLessThan(BACK_MS);
  });
});

describe("a control service that goes away", () => {
  itOnEnvoy("leaves the learned table in use without a TTL", async () => {
    const stage = await setStage();
    await push(stage.control, resourceOf(someTable()));
    await stage.control.close();
    const answers = await runLoad({
      port: stage.envoy.port,
      requests: 500,
      connections: 4,
      question: TAGGED,
    });
    expect([answers, stage.bots.count()]).toEqual([{ 200: 500 }, 500]);
  });

  itOnEnvoy("leaves the base state after the TTL, and no failed request", async () => {
    const stage = await setStage();
    await push(stage.control, resourceOf(someTable()), { ttlMs: TTL_MS });
    expect(await upstreamOf(stage)).toBe("bots");
    await stage.control.close();
    // The last heartbeat is at most a third of a TTL old, the look for it a twelfth late.
    const gone = await waitForUpstream(stage, "shop", 2 * TTL_MS);
    expect(gone).toBeGreaterThan(TTL_MS / 3);
    expect(failed).toEqual([]);
  });

  itOnEnvoy("gives the learned tag back within 2 s of its return after the TTL", async () => {
    const stage = await setStage();
    const resource = resourceOf(someTable());
    await push(stage.control, resource, { ttlMs: TTL_MS });
    const { port } = stage.control;
    await stage.control.close();
    await waitForUpstream(stage, "shop", 3 * TTL_MS);
    const again = await startControl({ port });
    again.setTarget("limen", resource, { ttlMs: TTL_MS });
    expect(await waitForUpstream(stage, "bots", 10_000)).toBeLessThan(BACK_MS);
    expect(failed).toEqual([]);
  });

  itOnEnvoy("keeps the learned tag by heartbeats far longer than the TTL", async () => {
    const stage = await setStage();
    await push(stage.control, resourceOf(someTable()), { ttlMs: 500 });
    await waitForReload(stage);
    const end = performance.now() + 2500;
    const seen = new Set<string>();
    while (performance.now() < end) seen.add(await upstreamOf(stage));
    expect([[...seen], await readReloads(stage)]).toEqual([["bots"], 1]);
  });
});

/** Envoy counts a reload a moment after its ACK. */
async function waitForReload(stage: Stage): Promise<void> {
  const ask = async () => ((await readReloads(stage)) === 1 ? true : null);
  await waitFor("the reload to be counted", ask, 5_000);
}

describe("a restart of the control service", () => {
  itOnEnvoy("without a TTL rebuilds nothing in the proxy", async () => {
    const stage = await setStage();
    const resource = resourceOf(someTable());
    await push(stage.control, resource);
    await waitForReload(stage);
    const { port } = stage.control;
    await stage.control.close();
    const again = await startControl({ port });
    again.setTarget("limen", resource);
    await waitForAck(again, resource);
    const [row] = again.proxies();
    expect([row?.sent, await readReloads(stage)]).toEqual([null, 1]);
  });
});
