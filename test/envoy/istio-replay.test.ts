// What a real istiod sent for our manifests, in a real Envoy with our filter and our ECDS server,
// and no Istio: `npm run test:istio` records it and fails when it is out of date.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { afterEach, describe, expect } from "vitest";
import { findFreePort } from "../../control/demo/ports.ts";
import { RBAC } from "../../control/envoy/http-filters.ts";
import { fromTypedConfig } from "../../control/xds/resource.ts";
import type { XdsServer } from "../../control/xds/server.ts";
import { damaged, inlineResource } from "../istio/resource.ts";
import { someTable } from "../support/builders.ts";
import { findEnvoy, itOnEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import { type Ports, type Recordings, writeReplay } from "../support/istio-recording.ts";
import { ask, askUpstream, seenValues } from "../support/load.ts";
import {
  atStrike,
  push,
  startApplication,
  startControl,
  strikeStage,
  waitForNack,
} from "../support/stage.ts";

afterEach(strikeStage);

const FIXTURE = join(import.meta.dirname, "../fixtures/istio-1.31-dev.json");
const RECORDINGS = JSON.parse(readFileSync(FIXTURE, "utf8")) as Recordings;
const TAGGED = [["x-score", "4000"]] as const;
const FORGED = [["x-limen-bot", "bot"]] as const;
const TTL_MS = 2000;

type Replay = { ports: Ports; control: XdsServer; readLog(): string };

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

/** Envoy on a recording, with two applications; the control service is up unless said. */
async function replay(which: keyof Recordings, isDown = false): Promise<Replay> {
  const folder = mkdtempSync(join(tmpdir(), "limen-replay-"));
  atStrike(async () => rmSync(folder, { recursive: true, force: true }));
  const [shop, bots] = [await startApplication("shop"), await startApplication("bots")];
  const control = await startControl();
  if (isDown) await control.close();
  const ports = {
    listener: await findFreePort(),
    outbound: await findFreePort(),
    shop: shop.address.port,
    bots: bots.address.port,
    control: control.port,
  };
  const bootstrap = writeReplay(RECORDINGS[which], ports, folder);
  const out = openSync(join(folder, "log"), "w");
  const args = ["-c", bootstrap, "--concurrency", "1", "-l", "warning", "--disable-hot-restart"];
  const child = spawn((await findEnvoy()) ?? "", args, { stdio: ["ignore", out, out] });
  atStrike(() => stop(child));
  const readLog = (): string => readFileSync(join(folder, "log"), "utf8");
  await waitFor("the listener", async () => {
    const { status } = await ask(ports.listener);
    return status === 200 ? true : null;
  }).catch((thrown) => {
    throw new Error(readLog(), { cause: thrown });
  });
  return { ports, control, readLog };
}

async function upstreamOf(port: number, headers: readonly (readonly [string, string])[]) {
  return (await ask(port, { headers })).headers["x-upstream"];
}

async function waitForUpstream(port: number, name: string, timeoutMs = 10_000): Promise<void> {
  const look = async () => ((await upstreamOf(port, TAGGED)) === name ? true : null);
  await waitFor(`an answer of ${name}`, look, timeoutMs);
}

describe("a gateway as istiod configured it", () => {
  itOnEnvoy("routes by the tag of a pushed table", async () => {
    const { ports, control } = await replay("gateway");
    expect(await upstreamOf(ports.listener, TAGGED)).toBe("shop");
    await push(control, inlineResource(someTable()));
    await waitForUpstream(ports.listener, "bots");
    expect(await upstreamOf(ports.listener, [["x-score", "1"]])).toBe("shop");
  });

  itOnEnvoy("chooses no route by a client's own tag, with or without a table", async () => {
    const { ports, control } = await replay("gateway");
    expect(await upstreamOf(ports.listener, FORGED)).toBe("shop");
    await push(control, inlineResource(someTable()));
    await waitForUpstream(ports.listener, "bots");
    expect(await upstreamOf(ports.listener, FORGED)).toBe("shop");
  });

  itOnEnvoy("refuses a bad table and keeps the old one", async () => {
    const { ports, control } = await replay("gateway");
    await push(control, inlineResource(someTable()));
    const bad = inlineResource(damaged(someTable({ serial: 2 })));
    control.setTarget("limen", bad);
    await waitForNack(control, bad);
    await waitForUpstream(ports.listener, "bots");
  });

  itOnEnvoy(
    "serves at once while the control service is down, and has the table later",
    async () => {
      const { ports } = await replay("gateway", true);
      expect(await upstreamOf(ports.listener, TAGGED)).toBe("shop");
      const late = await startControl({ port: ports.control });
      late.setTarget("limen", inlineResource(someTable()));
      await waitForUpstream(ports.listener, "bots", 40_000);
    },
  );

  itOnEnvoy("takes an empty RBAC as the off switch, and the filter back after it", async () => {
    const { ports, control } = await replay("gateway");
    await push(control, inlineResource(someTable()));
    await waitForUpstream(ports.listener, "bots");
    const typeUrl = `type.googleapis.com/${RBAC}`;
    await push(control, fromTypedConfig("limen", create(AnySchema, { typeUrl })));
    await waitForUpstream(ports.listener, "shop");
    await push(control, inlineResource(someTable()));
    await waitForUpstream(ports.listener, "bots");
  });

  itOnEnvoy("falls back to no tag after the TTL, without a failed request", async () => {
    const { ports, control } = await replay("gateway");
    await push(control, inlineResource(someTable()), { ttlMs: TTL_MS });
    await waitForUpstream(ports.listener, "bots");
    await control.close();
    const statuses = new Set<number>();
    await waitFor(
      "shop",
      async () => {
        const { status, headers } = await ask(ports.listener, { headers: TAGGED });
        statuses.add(status);
        return headers["x-upstream"] === "shop" ? true : null;
      },
      3 * TTL_MS,
    );
    expect([...statuses]).toEqual([200]);
  });

  itOnEnvoy("takes the label off the answer", async () => {
    const { ports } = await replay("gateway");
    const { status, headers } = await ask(ports.listener, { headers: [["x-say-label", "1"]] });
    expect([status, headers["x-limen-label"]]).toEqual([200, undefined]);
  });
});

/** A call of the workload, by the sidecar's HTTP proxy. */
function callOut(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: "shop.shop", ...Object.fromEntries(TAGGED) };
    const sent = request({ host: LOOPBACK, port, path: "http://shop.shop/", headers });
    sent.once("error", reject);
    sent.once("response", (response) => {
      response.resume();
      response.once("end", () => resolve(String(response.headers["x-upstream"])));
    });
    sent.end();
  });
}

describe("a sidecar as istiod configured it", () => {
  itOnEnvoy("hands the tag inwards and routes by it outwards, with one push", async () => {
    const { ports, control } = await replay("sidecar");
    expect(await callOut(ports.outbound)).toBe("shop");
    await push(control, inlineResource(someTable()));
    await waitFor("bots", async () => ((await callOut(ports.outbound)) === "bots" ? true : null));
    const seen = await askUpstream(ports.listener, { headers: TAGGED });
    expect([seen.upstream, seenValues(seen, "x-limen-bot")]).toEqual(["shop", ["bot"]]);
    expect(control.proxies()).toHaveLength(1);
  });
});
