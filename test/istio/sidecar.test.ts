import { request } from "node:http";
import { afterEach, describe, expect } from "vitest";
import type { IstioUse } from "../../control/install/istio-options.ts";
import { someTable } from "../support/builders.ts";
import { LOOPBACK, waitFor } from "../support/envoy.ts";
import { askUpstream, seenValues } from "../support/load.ts";
import { push, startControl, strikeStage } from "../support/stage.ts";
import { type Mesh, SIDECAR, startMesh, waitForListener } from "./mesh.ts";
import { itOnIstio } from "./programs.ts";
import { inlineResource } from "./resource.ts";
import { filterOf, optionsOf, TAGGED } from "./scenes.ts";

afterEach(strikeStage);

async function setSidecar(uses: readonly IstioUse[]) {
  const control = await startControl();
  const service = { host: LOOPBACK, port: control.port };
  const options = optionsOf({ service, uses, workload: SIDECAR });
  const mesh = await startMesh({ kind: "sidecar", documents: [filterOf(options)] });
  await waitForListener(mesh.port);
  await waitFor("the outbound side", async () =>
    (await callOut(mesh, {})) === "shop" ? true : null,
  );
  return { control, mesh };
}

/** A call of the workload to a service of the mesh, by the sidecar's HTTP proxy. */
function callOut(mesh: Mesh, headers: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({
      host: LOOPBACK,
      port: mesh.outboundPort,
      path: "http://shop.shop/",
      headers: { ...headers, host: "shop.shop" },
    });
    sent.once("error", reject);
    sent.once("response", (response) => {
      response.resume();
      response.once("end", () => resolve(String(response.headers["x-upstream"])));
    });
    sent.end();
  });
}

const OUT_TAGGED = Object.fromEntries(TAGGED);

describe("a sidecar's inbound side", () => {
  itOnIstio("hands the tag to the application it stands before", async () => {
    const { control, mesh } = await setSidecar(["inbound"]);
    await push(control, inlineResource(someTable()));
    const seen = await waitFor("the tag", async () => {
      const answer = await askUpstream(mesh.port, { headers: TAGGED });
      return seenValues(answer, "x-limen-bot").length > 0 ? answer : null;
    });
    expect([seen.upstream, seenValues(seen, "x-limen-bot")]).toEqual(["shop", ["bot"]]);
  });

  itOnIstio("removes a client's own tag before there is a table", async () => {
    const { mesh } = await setSidecar(["inbound"]);
    const seen = await askUpstream(mesh.port, { headers: [["x-limen-bot", "bot"]] });
    expect(seenValues(seen, "x-limen-bot")).toEqual([]);
  });
});

describe("a sidecar's outbound side", () => {
  itOnIstio("routes the workload's calls by the tag", async () => {
    const { control, mesh } = await setSidecar(["outbound"]);
    expect(await callOut(mesh, OUT_TAGGED)).toBe("shop");
    await push(control, inlineResource(someTable()));
    await waitFor("bots", async () => ((await callOut(mesh, OUT_TAGGED)) === "bots" ? true : null));
    expect(await callOut(mesh, { "x-score": "1" })).toBe("shop");
  });

  itOnIstio("chooses no route by a tag that the workload made up", async () => {
    const { mesh } = await setSidecar(["outbound"]);
    expect(await callOut(mesh, { "x-limen-bot": "bot" })).toBe("shop");
  });
});

describe("both sides of one sidecar", () => {
  itOnIstio("share one stream to the control service", async () => {
    const { control, mesh } = await setSidecar(["inbound", "outbound"]);
    await push(control, inlineResource(someTable()));
    await waitFor("bots", async () => ((await callOut(mesh, OUT_TAGGED)) === "bots" ? true : null));
    const rows = control.proxies().map(({ node, resource }) => [node, resource]);
    expect(rows).toEqual([["sidecar~127.0.0.1~proxy.default~default.svc.cluster.local", "limen"]]);
    const stats = await mesh.readStats("google_grpc_client_creation$|limen_xds.streams_total$");
    expect(Object.values(stats)).toEqual([1, 1]);
  });
});
