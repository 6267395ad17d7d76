// `limen doctor` against a real Envoy and a real service, healthy and with one thing wrong at a time.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect } from "vitest";
import { type BootstrapOptions, buildBootstrap } from "../../control/envoy/bootstrap.ts";
import { startEcho } from "../../control/envoy/echo.ts";
import { buildDynamic, writeYaml } from "../../control/envoy/files.ts";
import type { Service } from "../../control/service.ts";
import { openService, runDoctor, runLimen } from "../support/doctor.ts";
import { findEnvoy, itOnEnvoy, LOOPBACK, type RunningEnvoy, waitFor } from "../support/envoy.ts";
import { atStrike, MODULE, startProxy, strikeStage, TAG_ROUTE } from "../support/stage.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "limen-doctor-"));
});
afterEach(async () => {
  await strikeStage();
  rmSync(folder, { recursive: true });
});

type Arrange = (options: BootstrapOptions, folder: string) => object;

async function openProxy(service: Service, arrange: Arrange = buildBootstrap) {
  const echoes = [await startEcho("shop"), await startEcho("bots")];
  for (const echo of echoes) atStrike(echo.close);
  const port = Number(service.xds.split(":").at(-1));
  const control = { host: LOOPBACK, port };
  return startProxy({
    node: { id: "proxy-1", cluster: "shop" },
    upstreams: echoes,
    tagRoutes: [TAG_ROUTE],
    defaultUpstream: "shop",
    filters: [{ name: "limen", vmId: "limen", wasmPath: MODULE, table: "xds" }],
    xds: control,
    accessLog: control,
    accessLogFlushMs: 100,
    arrange,
  });
}

const hasTable = (envoy: RunningEnvoy) =>
  waitFor("the table to be in Envoy", async () => {
    const stats = await envoy.readStats("limen.config_reload$");
    return Object.values(stats).some((count) => count > 0) ? true : null;
  });

const adminOf = (envoy: RunningEnvoy): string[] => ["--admin", `${LOOPBACK}:${envoy.adminPort}`];
const serverOf = ({ http }: Service): string[] => ["--server", `http://${http}`];
const probeOf = (envoy: RunningEnvoy): string[] => ["--probe", `http://${LOOPBACK}:${envoy.port}/`];

/** Listeners by LDS, so that Envoy starts and refuses them one by one. */
function byFiles(change: (files: ReturnType<typeof buildDynamic>) => void): Arrange {
  return (options) => {
    const lds = join(folder, "lds");
    const files = buildDynamic(options, lds);
    change(files);
    mkdirSync(lds);
    writeFileSync(join(lds, "listeners.yaml"), writeYaml(files.listeners));
    writeFileSync(join(lds, "clusters.yaml"), writeYaml(files.clusters));
    return files.bootstrap;
  };
}

/** All connection managers of a configuration. */
function managersOf(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(managersOf);
  if (typeof value !== "object" || value === null) return [];
  const own = value as Record<string, unknown>;
  return "http_filters" in own ? [own] : Object.values(own).flatMap(managersOf);
}

describe("limen doctor", () => {
  itOnEnvoy("finds everything ok when it is, and ends with 0", async () => {
    const service = await openService(folder);
    const envoy = await openProxy(service);
    await hasTable(envoy);
    const { code, findings } = await runDoctor(
      ...adminOf(envoy),
      ...serverOf(service),
      ...probeOf(envoy),
    );
    expect(findings.filter(({ state }) => state !== "ok")).toEqual([]);
    expect([code, findings.length]).toEqual([0, 23]);
  });

  itOnEnvoy("finds the same where listeners come by LDS", async () => {
    const service = await openService(folder);
    const envoy = await openProxy(
      service,
      byFiles(() => undefined),
    );
    await hasTable(envoy);
    const { findings } = await runDoctor(
      ...adminOf(envoy),
      ...serverOf(service),
      ...probeOf(envoy),
    );
    expect(findings.filter(({ state }) => state !== "ok")).toEqual([]);
  });

  itOnEnvoy("says that the service is down, and that the proxy serves without it", async () => {
    const service = await openService(folder);
    const envoy = await openProxy(service);
    await hasTable(envoy);
    await service.close();
    await waitFor("Envoy to notice", async () => {
      const stats = await envoy.readStats("control_plane.connected_state$");
      return Object.values(stats)[0] === 0 ? true : null;
    });
    const ran = await runDoctor(...adminOf(envoy), ...serverOf(service), ...probeOf(envoy));
    expect([ran.code, ran.wrong]).toEqual([1, ["connection", "service"]]);
    expect([ran.find("answer")?.state, ran.find("tag")?.seen]).toEqual([
      "ok",
      "the application got x-limen-bot: bot",
    ]);
  });

  itOnEnvoy(
    "names the cluster that comes by CDS, for which Envoy refuses the listener",
    async () => {
      const service = await openService(folder);
      // The static cluster moves to the file of clusters.
      const arrange = byFiles(({ bootstrap, clusters }) => {
        const fixed = bootstrap["static_resources"] as { clusters: Record<string, unknown>[] };
        const type = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
        const moved = fixed.clusters.filter(({ name }) => name === "limen_xds");
        fixed.clusters = fixed.clusters.filter(({ name }) => name !== "limen_xds");
        const all = clusters["resources"] as object[];
        all.push(...moved.map((each) => ({ "@type": type, ...each })));
      });
      const admin = await startRefusing(service, arrange);
      const { find, code } = await runDoctor("--admin", `${LOOPBACK}:${admin}`, "--no-service");
      expect(code).toBe(1);
      expect(find("listeners")?.seen).toMatch(/must have a statically defined non-EDS cluster/);
    },
  );

  itOnEnvoy(
    "tells of a filter behind the router, for which Envoy refuses the listener",
    async () => {
      const service = await openService(folder);
      const arrange = byFiles(({ listeners }) => {
        for (const manager of managersOf(listeners)) {
          (manager["http_filters"] as unknown[]).reverse();
        }
      });
      const admin = await startRefusing(service, arrange);
      const { find, code } = await runDoctor("--admin", `${LOOPBACK}:${admin}`, "--no-service");
      expect(code).toBe(1);
      expect(find("listeners")?.seen).toMatch(/router must be the last filter/);
    },
  );

  itOnEnvoy("says that nothing is recorded without an access log", async () => {
    const service = await openService(folder);
    const envoy = await openProxy(service, (options) => {
      const bootstrap = buildBootstrap(options);
      for (const manager of managersOf(bootstrap)) delete manager["access_log"];
      return bootstrap;
    });
    await hasTable(envoy);
    const ran = await runDoctor(...adminOf(envoy), ...serverOf(service), ...probeOf(envoy));
    expect([ran.code, ran.wrong]).toEqual([1, ["access-log", "record"]]);
    expect(ran.find("access-log")?.seen).toContain("no gRPC access log");
  });

  itOnEnvoy(
    "says that nothing removes forged tags while the filter itself still does",
    async () => {
      const service = await openService(folder);
      const envoy = await openProxy(service, (options) =>
        buildBootstrap({ ...options, removeForged: false }),
      );
      await hasTable(envoy);
      const ran = await runDoctor(...adminOf(envoy), ...serverOf(service), ...probeOf(envoy));
      expect([ran.find("forged")?.state, ran.find("forgery")?.state]).toEqual(["warn", "ok"]);
    },
  );

  itOnEnvoy("sees forged tags arrive where no filter is", async () => {
    const service = await openService(folder);
    const envoy = await openProxy(service, (options) =>
      buildBootstrap({ ...options, filters: [], removeForged: false }),
    );
    const ran = await runDoctor(...adminOf(envoy), ...serverOf(service), ...probeOf(envoy));
    expect(ran.wrong).toEqual(expect.arrayContaining(["filter", "forgery", "seen", "record"]));
  });

  itOnEnvoy("names a plugin that shares the VM", async () => {
    const service = await openService(folder);
    const envoy = await openProxy(service, (options) => {
      const guest = { name: "guest", vmId: "limen", wasmPath: MODULE, table: new Uint8Array(0) };
      return buildBootstrap({ ...options, filters: [...options.filters, guest] });
    });
    const { find } = await runDoctor(...adminOf(envoy), "--no-service");
    expect(find("vm")).toMatchObject({
      state: "fail",
      seen: 'vm_id "limen" is also that of guest',
    });
  });

  itOnEnvoy("says off when the service is off, and that nothing is tagged", async () => {
    const service = await openService(folder);
    const envoy = await openProxy(service);
    await hasTable(envoy);
    await runLimen("off", ...serverOf(service));
    const ran = await runDoctor(...adminOf(envoy), ...serverOf(service), ...probeOf(envoy));
    expect([ran.code, ran.find("service")?.state, ran.find("tag")?.state]).toEqual([
      0,
      "warn",
      "skipped",
    ]);
  });
});

/** An Envoy whose only listener is refused never serves; gives its admin port once it has refused. */
async function startRefusing(service: Service, arrange: Arrange): Promise<number> {
  const address = join(folder, "admin");
  const control = { host: LOOPBACK, port: Number(service.xds.split(":").at(-1)) };
  const any = { host: LOOPBACK, port: 0 };
  const bootstrap = arrange(
    {
      node: { id: "proxy-1", cluster: "shop" },
      admin: any,
      listener: any,
      upstreams: [{ name: "shop", address: control }],
      tagRoutes: [],
      defaultUpstream: "shop",
      filters: [{ name: "limen", vmId: "limen", wasmPath: MODULE, table: "xds" }],
      xds: control,
    },
    folder,
  );
  const file = join(folder, "bootstrap.json");
  writeFileSync(file, JSON.stringify(bootstrap));
  const args = [
    "-c",
    file,
    "--admin-address-path",
    address,
    "--disable-hot-restart",
    "-l",
    "error",
  ];
  const child = spawn((await findEnvoy()) ?? "", args, { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  atStrike(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  return waitFor("Envoy to refuse the listener", async () => {
    const port = Number(readFileSync(address, "utf8").split(":").at(-1));
    const stats = await (
      await fetch(`http://${LOOPBACK}:${port}/stats?filter=update_rejected`)
    ).text();
    return /lds\.update_rejected: [1-9]/.test(stats) ? port : null;
  });
}
