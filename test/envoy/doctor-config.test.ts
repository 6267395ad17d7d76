// Findings from a configuration: the dump of a real Envoy, taken here, with one thing altered each.
import { afterAll, beforeAll, describe, expect } from "vitest";
import { readDump, readStats } from "../../control/doctor/dump.ts";
import { DEFAULT_FILTER, type Evidence, examine } from "../../control/doctor/examine.ts";
import type { Finding } from "../../control/doctor/finding.ts";
import { someTable } from "../support/builders.ts";
import { findEnvoy, itOnEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import { ask } from "../support/load.ts";
import { push, resourceOf, setStage, strikeStage } from "../support/stage.ts";

type Json = Record<string, unknown>;
const texts = { dump: "", stats: "" };

beforeAll(async () => {
  if (!(await findEnvoy())) return;
  // Nobody collects there; what is asked is the configuration.
  const stage = await setStage({ accessLog: { host: LOOPBACK, port: 1 } });
  await push(stage.control, resourceOf(someTable()));
  await waitFor("a counted request", async () => {
    await ask(stage.envoy.port, { headers: [["x-score", "4000"]] });
    const stats = await stage.envoy.readStats("wasmcustom");
    return Object.keys(stats).some((name) => name.includes("tagged")) ? true : null;
  });
  texts.dump = await stage.envoy.readAdmin("/config_dump");
  texts.stats = await stage.envoy.readAdmin("/stats");
});
afterAll(strikeStage);

/** Every object that has the field. */
function having(value: unknown, field: string): Json[] {
  if (Array.isArray(value)) return value.flatMap((each) => having(each, field));
  if (typeof value !== "object" || value === null) return [];
  const own = value as Json;
  const below = Object.values(own).flatMap((each) => having(each, field));
  return field in own ? [own, ...below] : below;
}

const nothing: Evidence = {
  filter: DEFAULT_FILTER,
  proxy: null,
  stats: null,
  status: null,
  probe: null,
  now: 0,
};

/** Findings of the dump after a change, but for those of parts that were not asked. */
function altered(change: (dump: Json) => void, stats = texts.stats): Finding[] {
  const dump = JSON.parse(texts.dump) as Json;
  change(dump);
  const proxy = readDump(JSON.stringify(dump), "dump");
  return examine({ ...nothing, proxy, stats: readStats(stats) }).filter(
    ({ check }) => check !== "probe" && check !== "dropped",
  );
}

const notOk = (findings: readonly Finding[]): string[][] =>
  findings.filter(({ state }) => state !== "ok").map(({ check, state }) => [check, state]);

const filterOf = (dump: Json): Json => {
  const [found] = having(listenersOf(dump), "config_discovery");
  if (!found) throw new Error("no filter in the dump");
  return found["config_discovery"] as Json;
};
const listenersOf = (dump: Json): Json =>
  (dump["configs"] as Json[]).find((each) =>
    String(each["@type"]).includes("ListenersConfigDump"),
  ) ?? {};
const clustersOf = (dump: Json): Json =>
  (dump["configs"] as Json[]).find((each) =>
    String(each["@type"]).includes("ClustersConfigDump"),
  ) ?? {};
const managersOf = (dump: Json): Json[] => having(listenersOf(dump), "http_filters");

/** What is altered, and everything that is not ok then. */
const CASES: readonly [string, (dump: Json) => void, string[][]][] = [
  ["nothing", () => undefined, []],
  [
    "listeners as istiod gives them",
    (dump) => {
      const part = listenersOf(dump);
      const fixed = part["static_listeners"] as Json[];
      part["dynamic_listeners"] = fixed.map((each) => ({
        name: "0.0.0.0_8080",
        active_state: { listener: { ...(each["listener"] as Json), name: "0.0.0.0_8080" } },
      }));
      delete part["static_listeners"];
    },
    [],
  ],
  [
    "an update that Envoy refused",
    (dump) => {
      const refused = { name: "l2", error_state: { details: "no such cluster" } };
      listenersOf(dump)["dynamic_listeners"] = [refused];
    },
    [["listeners", "fail"]],
  ],
  [
    "the filter behind the router",
    (dump) => {
      for (const manager of managersOf(dump)) (manager["http_filters"] as unknown[]).reverse();
    },
    [["filter", "fail"]],
  ],
  [
    "no default_config",
    (dump) => {
      delete filterOf(dump)["default_config"];
    },
    [["default", "fail"]],
  ],
  [
    "a default that warms",
    (dump) => {
      delete filterOf(dump)["apply_default_config_without_warming"];
    },
    [["default", "warn"]],
  ],
  [
    "a cluster by CDS",
    (dump) => {
      const part = clustersOf(dump);
      part["dynamic_active_clusters"] = part["static_clusters"];
      part["static_clusters"] = [];
    },
    [["source", "fail"]],
  ],
  [
    "a cluster that is not there",
    (dump) => {
      clustersOf(dump)["static_clusters"] = [];
    },
    [["source", "fail"]],
  ],
  [
    "gRPC's own client",
    (dump) => {
      const service = { google_grpc: { target_uri: "limen:18000" } };
      filterOf(dump)["config_source"] = { api_config_source: { grpc_services: [service] } };
      clustersOf(dump)["static_clusters"] = [];
    },
    [],
  ],
  [
    "a config_source that names nobody",
    (dump) => {
      filterOf(dump)["config_source"] = {};
    },
    [["source", "fail"]],
  ],
  [
    "no native removal",
    (dump) => {
      for (const manager of managersOf(dump)) delete manager["early_header_mutation_extensions"];
    },
    [["forged", "warn"]],
  ],
  [
    "a native removal that knows no underscores",
    (dump) => {
      for (const each of having(dump, "safe_regex")) {
        each["safe_regex"] = { regex: "(?i)x-limen-.*" };
      }
    },
    [["forged", "warn"]],
  ],
  [
    "another plugin in the VM",
    (dump) => {
      const guest = { name: "guest", typed_config: filterOf(dump)["default_config"] };
      for (const manager of managersOf(dump)) (manager["http_filters"] as unknown[]).unshift(guest);
    },
    [["vm", "fail"]],
  ],
  [
    "a push for another VM than the default's",
    (dump) => {
      const [config] = having(filterOf(dump)["default_config"], "vm_id");
      if (config) config["vm_id"] = "other";
    },
    [["vm", "warn"]],
  ],
  [
    "no access log",
    (dump) => {
      for (const manager of managersOf(dump)) delete manager["access_log"];
    },
    [["access-log", "fail"]],
  ],
  [
    "an access log without the filter state",
    (dump) => {
      for (const each of having(listenersOf(dump), "filter_state_objects_to_log")) {
        each["filter_state_objects_to_log"] = ["other"];
      }
    },
    [["access-log", "fail"]],
  ],
  [
    "a buffer of 256 KiB",
    (dump) => {
      for (const each of having(dump, "buffer_size_bytes")) each["buffer_size_bytes"] = 262_144;
    },
    [],
  ],
  [
    "a buffer one byte below",
    (dump) => {
      for (const each of having(dump, "buffer_size_bytes")) each["buffer_size_bytes"] = 262_143;
    },
    [["access-log", "warn"]],
  ],
  [
    "a buffer that is not said",
    (dump) => {
      for (const each of having(dump, "buffer_size_bytes")) delete each["buffer_size_bytes"];
    },
    [["access-log", "warn"]],
  ],
];

describe("the findings of a configuration dump with", () => {
  for (const [what, change, expected] of CASES) {
    itOnEnvoy(what, async () => {
      expect(notOk(altered(change))).toEqual(expected);
    });
  }
});

const ECDS = "extension_config_discovery.http_filter.limen";
const without = (pattern: RegExp): string =>
  texts.stats
    .split("\n")
    .filter((line) => !pattern.test(line))
    .join("\n");
const withValue = (name: string, value: number): string =>
  texts.stats.replace(new RegExp(`^${name}: \\d+$`, "m"), `${name}: ${value}`);

describe("the findings of statistics with", () => {
  const cases: readonly [string, () => string, string[][]][] = [
    [
      "nothing of ECDS, as Istio has it",
      () => without(/^extension_config_discovery/),
      [
        ["stats", "warn"],
        ["connection", "skipped"],
        ["refused", "skipped"],
      ],
    ],
    ["no decisions", () => without(/^wasmcustom/), [["stats", "warn"]]],
    [
      "no connection",
      () => withValue(`${ECDS}.control_plane.connected_state`, 0),
      [["connection", "fail"]],
    ],
    ["a refused push", () => withValue(`${ECDS}.update_rejected`, 1), [["refused", "warn"]]],
    [
      "a VM that did not come back",
      () => withValue("wasm.limen.vm_reload_failure", 1),
      [["alive", "fail"]],
    ],
  ];
  for (const [what, stats, expected] of cases) {
    itOnEnvoy(what, async () => {
      expect(notOk(altered(() => undefined, stats()))).toEqual(expected);
    });
  }
});
