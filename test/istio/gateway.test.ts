import { afterEach, describe, expect } from "vitest";
import { buildOverrideMap, OVERRIDE_KEY } from "../../control/install/istio-cluster.ts";
import { buildResourceFile } from "../../control/install/istio-fixed.ts";
import type { IstioOptions } from "../../control/install/istio-options.ts";
import type { XdsServer } from "../../control/xds/server.ts";
import { aModel, someTable } from "../support/builders.ts";
import { LOOPBACK, waitFor } from "../support/envoy.ts";
import { askUpstream } from "../support/load.ts";
import { MODULE, push, startControl, strikeStage, waitForNack } from "../support/stage.ts";
import { type Mesh, type MeshOptions, startMesh, waitForListener } from "./mesh.ts";
import { itOnIstio } from "./programs.ts";
import { damaged, inlineResource } from "./resource.ts";
import {
  bootstrapByFilter,
  clusterByFilter,
  fileResource,
  filterOf,
  optionsOf,
  print,
  TAGGED,
  upstreamOf,
  waitForUpstream,
  withMountedFile,
} from "./scenes.ts";
import type { Stored } from "./stub-store.ts";

afterEach(strikeStage);

const FORGED = [["x-limen-bot", "bot"]] as const;

type Scene = { control: XdsServer; mesh: Mesh };

/** A gateway with our EnvoyFilter of those options and a control service without a table. */
async function setScene(
  given: Partial<IstioOptions>,
  more: (options: IstioOptions) => Partial<MeshOptions> = () => ({}),
): Promise<Scene> {
  const control = await startControl();
  const service = { host: LOOPBACK, port: control.port };
  const options = optionsOf({ service, ...given });
  const mesh = await startMesh({
    kind: "router",
    documents: [filterOf(options)],
    ...more(options),
  });
  await waitForListener(mesh.port);
  return { control, mesh };
}

/** What the ConfigMap of the way `static-cluster` would mount. */
const withOverride = (options: IstioOptions): Partial<MeshOptions> => {
  const data = buildOverrideMap(options)["data"] as Record<string, string>;
  return { override: data[OVERRIDE_KEY] ?? "" };
};

const withLogCluster = ({ service }: IstioOptions): Partial<MeshOptions> => ({
  proxyConfig: { envoyAccessLogService: { address: `${service.host}:${service.port}` } },
});

async function pushAndMeasure({ control, mesh }: Scene, way: string): Promise<void> {
  const start = performance.now();
  await push(control, inlineResource(someTable()));
  const ackMs = performance.now() - start;
  await waitForUpstream(mesh, "bots", TAGGED);
  const liveMs = performance.now() - start;
  print(way, { istiod: mesh.istiodMs, proxy: mesh.proxyMs, ack: ackMs, live: liveMs });
}

describe("a gateway", () => {
  const ways = [
    ["google-grpc", () => ({})],
    ["static-cluster", withOverride],
    ["access-log-cluster", withLogCluster],
  ] as const;
  for (const [way, more] of ways) {
    itOnIstio(`by the way ${way} routes by the tag of a pushed table`, async () => {
      const scene = await setScene({ way }, more);
      expect(await upstreamOf(scene.mesh, TAGGED)).toBe("shop");
      await pushAndMeasure(scene, way);
      expect(await upstreamOf(scene.mesh, [["x-score", "1"]])).toBe("shop");
    });
  }

  itOnIstio("takes a fixed table that istiod carries, and its next edition", async () => {
    const given = { way: "istiod", module: { path: MODULE } } as const;
    const { mesh } = await setScene({ ...given, table: someTable() });
    await waitForUpstream(mesh, "bots", TAGGED);
    expect(await upstreamOf(mesh, [["x-score", "1"]])).toBe("shop");
    const start = performance.now();
    const none = someTable({ serial: 2, models: [aModel({ cuts: [[4096]] })] });
    mesh.api.apply(filterOf(optionsOf({ ...given, table: none })) as Stored);
    await waitForUpstream(mesh, "shop", TAGGED);
    print("istiod, a changed EnvoyFilter", { live: performance.now() - start });
  });

  itOnIstio("takes a fixed table from a mounted file", async () => {
    const given = { way: "file", module: { path: MODULE } } as const;
    const text = buildResourceFile(MODULE, someTable());
    const { mesh } = await setScene(given, (options) => withMountedFile(options, text));
    await waitForUpstream(mesh, "bots", TAGGED);
    expect(await upstreamOf(mesh, [["x-score", "1"]])).toBe("shop");
  });

  itOnIstio(
    "with the module as a file adds no VM by a push but the one that tries it",
    async () => {
      const { control, mesh } = await setScene({ module: { path: MODULE } });
      const countCreated = async (): Promise<number> => {
        const stats = await mesh.readStats("^wasm.*v8.created$");
        return stats["wasm.envoy.wasm.runtime.v8.created"] ?? 0;
      };
      const before = await countCreated();
      await push(control, fileResource(someTable()));
      await waitForUpstream(mesh, "bots", TAGGED);
      expect((await countCreated()) - before).toBe(1);
    },
  );
});

describe("a gateway whose filter is not there", () => {
  itOnIstio("chooses no route by a client's own tag", async () => {
    const { mesh } = await setScene({});
    const forged = [[["x-limen-bot", "bot"]], [["X-LIMEN-BOT", "bot"]]] as const;
    for (const headers of forged) expect(await upstreamOf(mesh, headers)).toBe("shop");
    const seen = await askUpstream(mesh.port, { headers: [["x_limen_bot", "bot"]] });
    expect(seen.headers.filter(([name]) => /limen/i.test(name))).toEqual([]);
  });

  itOnIstio("with trust: mesh chooses one, which shows what removes it otherwise", async () => {
    const { mesh } = await setScene({ trust: "mesh" });
    expect(await upstreamOf(mesh, FORGED)).toBe("bots");
  });
});

describe("an EnvoyFilter that is deleted", () => {
  itOnIstio("leaves a proxy that serves, and that believes a client's tag again", async () => {
    const { mesh } = await setScene({});
    expect(await upstreamOf(mesh, FORGED)).toBe("shop");
    mesh.api.remove(filterOf(optionsOf({})) as Stored);
    await waitForUpstream(mesh, "bots", FORGED);
  });
});

describe("a gateway whose control service", () => {
  itOnIstio("is down from the start serves at once, and has the table when it is up", async () => {
    const free = await startControl();
    const { port } = free;
    await free.close();
    const { mesh } = await setScene({ service: { host: LOOPBACK, port } });
    expect(await upstreamOf(mesh, TAGGED)).toBe("shop");
    const late = await startControl({ port });
    const start = performance.now();
    late.setTarget("limen", inlineResource(someTable()));
    await waitForUpstream(mesh, "bots", TAGGED, 40_000);
    print("google-grpc after an outage", { live: performance.now() - start });
  });

  itOnIstio("pushes a bad table refuses it and keeps the old one", async () => {
    const { control, mesh } = await setScene({});
    await push(control, inlineResource(someTable()));
    const bad = inlineResource(damaged(someTable({ serial: 2 })));
    control.setTarget("limen", bad);
    await waitForNack(control, bad);
    await waitForUpstream(mesh, "bots", TAGGED);
  });
});

describe("the statistics of pushes", () => {
  itOnIstio("are shown with the inclusion of mesh-config.yaml", async () => {
    const { control, mesh } = await setScene({});
    await push(control, inlineResource(someTable()));
    await waitForUpstream(mesh, "bots", TAGGED);
    const stats = await mesh.readStats("limen.config_reload$");
    expect(stats).toEqual({ "extension_config_discovery.http_filter.limen.config_reload": 1 });
  });

  itOnIstio("are hidden by Istio without it", async () => {
    const proxyStatsMatcher = { inclusionPrefixes: ["nothing"] };
    const { control, mesh } = await setScene({}, () => ({ proxyConfig: { proxyStatsMatcher } }));
    await push(control, inlineResource(someTable()));
    await waitForUpstream(mesh, "bots", TAGGED);
    expect(await mesh.readStats("extension_config_discovery")).toEqual({});
  });
});

describe("what does not work", () => {
  itOnIstio("a cluster that an EnvoyFilter adds: the proxy refuses the listener", async () => {
    const control = await startControl();
    const service = { host: LOOPBACK, port: control.port };
    const documents = [clusterByFilter(optionsOf({ service, way: "static-cluster" }))];
    const mesh = await startMesh({ kind: "router", documents });
    const refused = await waitFor("the refusal", async () => {
      const stats = await mesh.readStats("lds.update_rejected$");
      return (stats["listener_manager.lds.update_rejected"] ?? 0) > 0 ? true : null;
    });
    expect(refused).toBe(true);
    expect(mesh.agent.readLog()).toContain(
      "must have a statically defined non-EDS cluster: 'limen_xds' does not exist",
    );
    expect(await upstreamOf(mesh, TAGGED)).toBe(0);
  });

  itOnIstio("a BOOTSTRAP patch: it is accepted and changes nothing", async () => {
    const documents = [bootstrapByFilter(optionsOf({}))];
    const mesh = await startMesh({ kind: "router", documents });
    await waitForListener(mesh.port);
    const dump = JSON.parse(await mesh.readAdmin("/config_dump?resource=static_clusters")) as {
      configs: { cluster: { name: string } }[];
    };
    const names = dump.configs.map(({ cluster }) => cluster.name);
    expect(names).toContain("xds-grpc");
    expect(names).not.toContain("limen_boot");
  });
});
