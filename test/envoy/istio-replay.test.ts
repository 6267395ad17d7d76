// What a real istiod sent for our manifests, in a real Envoy with our filter and our ECDS server,
// and no Istio: `npm run test:istio` records it and fails when it is out of date.
import { request } from "node:http";
import { create } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { afterEach, describe, expect } from "vitest";
import { RBAC } from "../../control/envoy/http-filters.ts";
import { fromTypedConfig } from "../../control/xds/resource.ts";
import type { XdsServer } from "../../control/xds/server.ts";
import { damaged, inlineResource } from "../istio/resource.ts";
import { someTable } from "../support/builders.ts";
import { itOnEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import type { Recordings } from "../support/istio-recording.ts";
import { type Replay, replay } from "../support/istio-replay.ts";
import { ask, askUpstream, seenValues } from "../support/load.ts";
import {
  push,
  startApplication,
  startControl,
  strikeStage,
  waitForNack,
} from "../support/stage.ts";

afterEach(strikeStage);

const TAGGED = [["x-score", "4000"]] as const;
const FORGED = [["x-limen-bot", "bot"]] as const;
const TTL_MS = 2000;

type Stage = Replay & { control: XdsServer };

/** With two applications; the control service is up unless said. */
async function open(which: keyof Recordings, isDown = false): Promise<Stage> {
  const [shop, bots] = [await startApplication("shop"), await startApplication("bots")];
  const control = await startControl();
  if (isDown) await control.close();
  const ports = { shop: shop.address.port, bots: bots.address.port, control: control.port };
  return { ...(await replay(which, ports)), control };
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
    const { ports, control } = await open("gateway");
    expect(await upstreamOf(ports.listener, TAGGED)).toBe("shop");
    await push(control, inlineResource(someTable()));
    await waitForUpstream(ports.listener, "bots");
    expect(await upstreamOf(ports.listener, [["x-score", "1"]])).toBe("shop");
  });

  itOnEnvoy("chooses no route by a client's own tag, with or without a table", async () => {
    const { ports, control } = await open("gateway");
    expect(await upstreamOf(ports.listener, FORGED)).toBe("shop");
    await push(control, inlineResource(someTable()));
    await waitForUpstream(ports.listener, "bots");
    expect(await upstreamOf(ports.listener, FORGED)).toBe("shop");
  });

  itOnEnvoy("refuses a bad table and keeps the old one", async () => {
    const { ports, control } = await open("gateway");
    await push(control, inlineResource(someTable()));
    const bad = inlineResource(damaged(someTable({ serial: 2 })));
    control.setTarget("limen", bad);
    await waitForNack(control, bad);
    await waitForUpstream(ports.listener, "bots");
  });

  itOnEnvoy(
    "serves at once while the control service is down, and has the table later",
    async () => {
      const { ports } = await open("gateway", true);
      expect(await upstreamOf(ports.listener, TAGGED)).toBe("shop");
      const late = await startControl({ port: ports.control });
      late.setTarget("limen", inlineResource(someTable()));
      await waitForUpstream(ports.listener, "bots", 40_000);
    },
  );

  itOnEnvoy("takes an empty RBAC as the off switch, and the filter back after it", async () => {
    const { ports, control } = await open("gateway");
    await push(control, inlineResource(someTable()));
    await waitForUpstream(ports.listener, "bots");
    const typeUrl = `type.googleapis.com/${RBAC}`;
    await push(control, fromTypedConfig("limen", create(AnySchema, { typeUrl })));
    await waitForUpstream(ports.listener, "shop");
    await push(control, inlineResource(someTable()));
    await waitForUpstream(ports.listener, "bots");
  });

  itOnEnvoy("falls back to no tag after the TTL, without a failed request", async () => {
    const { ports, control } = await open("gateway");
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
    const { ports } = await open("gateway");
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
    const { ports, control } = await open("sidecar");
    expect(await callOut(ports.outbound)).toBe("shop");
    await push(control, inlineResource(someTable()));
    await waitFor("bots", async () => ((await callOut(ports.outbound)) === "bots" ? true : null));
    const seen = await askUpstream(ports.listener, { headers: TAGGED });
    expect([seen.upstream, seenValues(seen, "x-limen-bot")]).toEqual(["shop", ["bot"]]);
    expect(control.proxies()).toHaveLength(1);
  });
});
