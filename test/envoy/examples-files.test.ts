// Listeners, clusters and the table as files, on a real Envoy: each is taken, and taken anew when a
// file is moved onto it. Envoy reads listeners and clusters in no certain order, so what a listener
// names has to be there before it.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect } from "vitest";
import type { BootstrapOptions } from "../../control/envoy/bootstrap.ts";
import { buildBootstrap } from "../../control/envoy/bootstrap.ts";
import {
  buildDynamic,
  buildTableFile,
  moveIntoPlace,
  writeYaml,
} from "../../control/envoy/files.ts";
import { aModel, someTable } from "../support/builders.ts";
import { itOnEnvoy, type RunningEnvoy, waitFor } from "../support/envoy.ts";
import { ask } from "../support/load.ts";
import {
  FILTER,
  push,
  resourceOf,
  setStage,
  startApplication,
  startProxy,
  strikeStage,
  TAG_ROUTE,
} from "../support/stage.ts";

const LIMEN = join(import.meta.dirname, "../../control/cli/limen.js");
const TAGGED = { headers: [["x-score", "4000"]] } as const;
/** A script's request, which the model of the checkout tags. */
const SCRIPT = { headers: [["user-agent", "python-requests/2.32"]] } as const;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "limen-files-"));
});
afterEach(async () => {
  await strikeStage();
  rmSync(folder, { recursive: true });
});

type Question = Parameters<typeof ask>[1];
async function upstreamOf(envoy: RunningEnvoy, question: Question = TAGGED): Promise<string> {
  const { status, headers } = await ask(envoy.port, question);
  return status === 200 ? String(headers["x-upstream"]) : String(status);
}

function waitForUpstream(envoy: RunningEnvoy, name: string, question?: Question) {
  const look = async () => ((await upstreamOf(envoy, question)) === name ? true : null);
  return waitFor(`an answer of ${name}`, look, 10_000);
}

const tablePath = (): string => join(folder, "table.yaml");
function moveTable(table: Uint8Array, version: string): void {
  moveIntoPlace(tablePath(), writeYaml(buildTableFile(FILTER, table, version)));
}
/** The model of `someTable` with a cut nothing reaches. */
const untagging = (): Uint8Array => someTable({ serial: 2, models: [aModel({ cuts: [[4096]] })] });

async function startByFile(): Promise<RunningEnvoy> {
  const shop = await startApplication("shop");
  const bots = await startApplication("bots");
  return startProxy({
    upstreams: [shop, bots],
    tagRoutes: [TAG_ROUTE],
    defaultUpstream: "shop",
    filters: [{ ...FILTER, table: { path: tablePath(), folder } }],
    arrange: buildBootstrap,
  });
}

function writeByVerb(...more: string[]): void {
  const args = [LIMEN, "table", "--ecds", tablePath(), ...more];
  const ran = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect([ran.status, ran.stderr]).toEqual([0, ""]);
}

describe("a table in a file", () => {
  itOnEnvoy("is in use from the first request on, without any service", async () => {
    moveTable(someTable(), "1");
    const envoy = await startByFile();
    await waitForUpstream(envoy, "bots");
  });

  itOnEnvoy("has to be there when Envoy starts", async () => {
    await expect(startByFile()).rejects.toThrow("paths must refer to an existing path");
  });

  itOnEnvoy(
    "leaves the base state while the file holds none, and is taken when moved",
    async () => {
      moveIntoPlace(tablePath(), "resources: []");
      const envoy = await startByFile();
      expect(await upstreamOf(envoy)).toBe("shop");
      moveTable(someTable(), "1");
      await waitForUpstream(envoy, "bots");
    },
  );

  itOnEnvoy("gives way to one moved onto it", async () => {
    moveTable(someTable(), "1");
    const envoy = await startByFile();
    await waitForUpstream(envoy, "bots");
    moveTable(untagging(), "2");
    await waitForUpstream(envoy, "shop");
  });

  itOnEnvoy("stays in use when a bad one is moved onto it", async () => {
    moveTable(someTable(), "1");
    const envoy = await startByFile();
    await waitForUpstream(envoy, "bots");
    moveTable(Uint8Array.of(1, 2, 3), "2");
    const rejected = "http_filter.limen.update_rejected$|http_filter.limen.config_fail$";
    await waitFor("Envoy to refuse it", async () => {
      const counts = Object.values(await envoy.readStats(rejected));
      return counts.some((count) => count > 0) ? true : null;
    });
    expect(await upstreamOf(envoy)).toBe("bots");
  });

  itOnEnvoy("written by limen table tags a script's request", async () => {
    writeByVerb();
    const envoy = await startByFile();
    expect(await upstreamOf(envoy, SCRIPT)).toBe("shop");
    writeByVerb("--set", "bot.mode=tag");
    await waitForUpstream(envoy, "bots", SCRIPT);
  });
});

/** Writes listeners and clusters beside the bootstrap and remembers what they were made of. */
function arrangeDynamic(seen: { options?: BootstrapOptions }) {
  const lds = join(folder, "lds");
  return (options: BootstrapOptions): object => {
    seen.options = options;
    const { bootstrap, listeners, clusters } = buildDynamic(options, lds);
    mkdirSync(lds, { recursive: true });
    writeFileSync(join(lds, "listeners.yaml"), writeYaml(listeners));
    writeFileSync(join(lds, "clusters.yaml"), writeYaml(clusters));
    return bootstrap;
  };
}

/** A proxy that tags by a pushed table, and the files that send what is tagged to another place. */
async function startWithOther() {
  const seen: { options?: BootstrapOptions } = {};
  const { control, envoy } = await setStage({ arrange: arrangeDynamic(seen) });
  await push(control, resourceOf(someTable()));
  await waitForUpstream(envoy, "bots");
  const other = await startApplication("other");
  const { options } = seen;
  if (!options) throw new Error("no bootstrap was arranged");
  const lds = join(folder, "lds");
  const upstreams = [...options.upstreams, other];
  const tagRoutes = [{ ...TAG_ROUTE, upstream: "other" }];
  const { clusters, listeners } = buildDynamic({ ...options, upstreams, tagRoutes }, lds);
  return {
    envoy,
    moveClusters: () => moveIntoPlace(join(lds, "clusters.yaml"), writeYaml(clusters)),
    moveListeners: () => moveIntoPlace(join(lds, "listeners.yaml"), writeYaml(listeners)),
  };
}

/** As envoy/README.md has it: Envoy's page of clusters names those that routes may name. */
function waitForCluster(envoy: RunningEnvoy, name: string) {
  return waitFor(`cluster ${name}`, async () =>
    (await envoy.readAdmin("/clusters")).includes(`\n${name}::`) ? true : null,
  );
}

function waitForRefusal(envoy: RunningEnvoy) {
  return waitFor("Envoy to refuse the listener", async () => {
    const stats = await envoy.readStats("^listener_manager.lds.update_rejected$");
    return (stats["listener_manager.lds.update_rejected"] ?? 0) > 0 ? true : null;
  });
}

describe("listeners and clusters in files", () => {
  itOnEnvoy("serve, with a filter that takes its table from the service", async () => {
    const { control, envoy } = await setStage({ arrange: arrangeDynamic({}) });
    expect(await upstreamOf(envoy)).toBe("shop");
    await push(control, resourceOf(someTable()));
    await waitForUpstream(envoy, "bots");
  });

  itOnEnvoy("change when the cluster is there before its listener; the table stays", async () => {
    const { envoy, moveClusters, moveListeners } = await startWithOther();
    moveClusters();
    await waitForCluster(envoy, "other");
    moveListeners();
    await waitForUpstream(envoy, "other");
  });

  itOnEnvoy(
    "keep the last listener when one is moved before its cluster, and count it",
    async () => {
      const { envoy, moveListeners } = await startWithOther();
      moveListeners();
      await waitForRefusal(envoy);
      expect(await upstreamOf(envoy)).toBe("bots");
      expect(envoy.readLog()).toContain("route: unknown cluster 'other'");
    },
  );

  itOnEnvoy("take a refused listener once it is moved again behind its cluster", async () => {
    const { envoy, moveClusters, moveListeners } = await startWithOther();
    moveListeners();
    await waitForRefusal(envoy);
    moveClusters();
    await waitForCluster(envoy, "other");
    moveListeners();
    await waitForUpstream(envoy, "other");
  });
});

describe("moveIntoPlace", () => {
  itOnEnvoy("leaves nothing but the file", async () => {
    moveIntoPlace(tablePath(), "a");
    moveIntoPlace(tablePath(), "b");
    const { stdout } = spawnSync("ls", ["-A", folder], { encoding: "utf8" });
    expect([stdout, readFileSync(tablePath(), "utf8")]).toEqual(["table.yaml\n", "b"]);
  });
});
