// 5,000 pushes to a proxy with the filter and to a twin whose filter ignores its configuration:
// what Envoy itself keeps of a push is in both, so the difference is the filter's.
import { afterEach, beforeAll, describe, expect } from "vitest";
import type { XdsServer } from "../../control/xds/server.ts";
import { someTable } from "../support/builders.ts";
import { itOnEnvoy, LOOPBACK, type RunningEnvoy } from "../support/envoy.ts";
import { ask } from "../support/load.ts";
import {
  buildTwins,
  FILTER,
  IGNORE_MODULE,
  MODULE,
  push,
  resourceOf,
  startApplication,
  startControl,
  startProxy,
  strikeStage,
} from "../support/stage.ts";

beforeAll(buildTwins);
afterEach(strikeStage);

const PUSHES = 5_000;
/** Caches and pools fill up before. */
const WARM_UP = 1_000;
const SAMPLE_EVERY = 50;
/** A few requests each, so that old root contexts come to their end as they do in service. */
const REQUESTS_EVERY = 10;
const BYTES_A_PUSH_MAX = 1024;
const TEST_TIMEOUT_MS = 240_000;

/** About 9 KB, as tables in service are: a copy kept of each would show up nine times over. */
function tableOf(serial: number): Uint8Array {
  const weights = new Float32Array(2048).fill(serial);
  return someTable({
    serial,
    features: [
      { name: "score", of: "header:x-score", is: "number" },
      { name: "grams", of: "path", is: "grams", gram: 3, weights },
    ],
  });
}

type Sample = readonly [pushes: number, bytes: number];

/** Least squares: bytes a push. */
function slopeOf(samples: readonly Sample[]): number {
  const count = samples.length;
  const meanX = samples.reduce((sum, [x]) => sum + x, 0) / count;
  const meanY = samples.reduce((sum, [, y]) => sum + y, 0) / count;
  const above = samples.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const below = samples.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return above / below;
}

function startWith(module: string, id: string, control: XdsServer, port: number) {
  return startProxy({
    node: { id, cluster: "test" },
    upstreams: [{ name: "shop", address: { host: LOOPBACK, port } }],
    tagRoutes: [],
    defaultUpstream: "shop",
    filters: [{ ...FILTER, wasmPath: module }],
    xds: { host: LOOPBACK, port: control.port },
  });
}

async function pushMany(envoy: RunningEnvoy, control: XdsServer, module: string) {
  const samples: Sample[] = [];
  for (let serial = 1; serial <= PUSHES; serial += 1) {
    await push(control, resourceOf(tableOf(serial), FILTER.name, module));
    if (serial % REQUESTS_EVERY === 0) await ask(envoy.port, { headers: [["x-score", "4000"]] });
    if (serial > WARM_UP && serial % SAMPLE_EVERY === 0)
      samples.push([serial, envoy.readResident()]);
  }
  return slopeOf(samples);
}

describe("resident memory", () => {
  itOnEnvoy(
    "grows by at most 1 KB a push more than in a twin that ignores its configuration",
    async () => {
      if (process.platform !== "linux") {
        process.stderr.write("passed by: resident memory is read from /proc, which is Linux's\n");
        return;
      }
      const shop = await startApplication("shop");
      const slopes = [MODULE, IGNORE_MODULE].map(async (module, index) => {
        const control = await startControl();
        const envoy = await startWith(module, `test-${index}`, control, shop.address.port);
        return pushMany(envoy, control, module);
      });
      const [ours = Number.NaN, twin = Number.NaN] = await Promise.all(slopes);
      process.stderr.write(`bytes a push: filter ${ours.toFixed(0)}, twin ${twin.toFixed(0)}\n`);
      expect(ours - twin).toBeLessThanOrEqual(BYTES_A_PUSH_MAX);
    },
    TEST_TIMEOUT_MS,
  );
});
