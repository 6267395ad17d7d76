// Findings from statistics, status and probes; those from configurations: test/envoy/doctor-config.test.ts.
import { describe, expect, it } from "vitest";
import type { ProxyView, StatusView } from "../../../control/api/views.ts";
import { checkService } from "../../../control/doctor/check-service.ts";
import { checkAlive, checkDropped } from "../../../control/doctor/check-stats.ts";
import { readDump, readStats } from "../../../control/doctor/dump.ts";
import { examine, worstOf } from "../../../control/doctor/examine.ts";
import { type Finding, fail, ok, skip, warn } from "../../../control/doctor/finding.ts";
import {
  findRequestId,
  findTags,
  judgeProbe,
  type ProbeAnswer,
  type ProbeResult,
} from "../../../control/doctor/probe.ts";

const NOW = 1_800_000_000_000;
const states = (findings: readonly Finding[]): Record<string, string> =>
  Object.fromEntries(findings.map(({ check, state }) => [check, state]));

function aProxy(changes: Partial<ProxyView> = {}): ProxyView {
  return {
    node: "proxy-1",
    workload: "shop",
    connected: true,
    acked: "r1",
    tableDigest: "t1",
    nacked: [],
    lastAckMs: 5,
    lastRecordAt: NOW - 1_000,
    ...changes,
  };
}

function aStatus(proxy: Partial<ProxyView> | null, changes: object = {}): StatusView {
  return {
    version: "1",
    role: "all",
    decider: "",
    state: "live",
    serial: 3,
    tableDigest: "t1",
    resourceDigest: "r1",
    pushedAt: NOW,
    ttlMs: 0,
    proxies: proxy ? [aProxy(proxy)] : [],
    models: [],
    log: {
      decisions: 10,
      lost: 0,
      lostAtMost: false,
      duplicates: 0,
      rejected: 0,
      dropped: 0,
      appended: 10,
    },
    labels: null,
    refused: {},
    waiting: null,
    ...changes,
  };
}

describe("checkService", () => {
  it("is content with a proxy that runs the wanted table", () => {
    const found = states(checkService(aStatus({}), null, NOW));
    expect(new Set(Object.values(found))).toEqual(new Set(["ok"]));
  });

  const cases: readonly [string, Partial<ProxyView>, object, string, string][] = [
    ["a proxy that is not connected", { connected: false }, {}, "seen", "fail"],
    ["another resource ACKed", { acked: "r0" }, {}, "table", "fail"],
    ["nothing ACKed", { acked: null }, {}, "table", "fail"],
    ["another table in the records", { tableDigest: "t0" }, {}, "table", "warn"],
    ["no table in any record", { tableDigest: null }, {}, "table", "warn"],
    ["a refused table", { nacked: ["r0"] }, {}, "nacks", "warn"],
    ["no record ever", { lastRecordAt: null }, {}, "records", "warn"],
    ["a record 60 s ago", { lastRecordAt: NOW - 60_000 }, {}, "records", "ok"],
    ["a record longer ago", { lastRecordAt: NOW - 60_001 }, {}, "records", "warn"],
    ["off", {}, { state: "off" }, "service", "warn"],
    ["a lost record", {}, { log: { decisions: 9, lost: 1, dropped: 0 } }, "loss", "warn"],
    ["a dropped record", {}, { log: { decisions: 9, lost: 0, dropped: 1 } }, "loss", "warn"],
  ];
  it.each(cases)("says of %s what it is, and no more", (_, proxy, status, check, state) => {
    const found = states(checkService(aStatus(proxy, status), null, NOW));
    const { [check]: own, ...others } = found;
    expect([own, new Set(Object.values(others))]).toEqual([state, new Set(["ok"])]);
  });

  it("misses a proxy the service does not know", () => {
    const found = states(checkService(aStatus(null), null, NOW));
    expect([found["seen"], found["table"]]).toEqual(["fail", "skipped"]);
  });

  const roles: readonly [StatusView["role"], Partial<ProxyView> | null, object][] = [
    ["serve", { tableDigest: null, lastRecordAt: null }, { records: "skipped", loss: "skipped" }],
    ["collect", null, { seen: "skipped", table: "skipped", loss: "ok" }],
    ["learn", null, { seen: "skipped", table: "skipped", loss: "skipped" }],
  ];
  it.each(roles)(
    "blames a process of role %s for nothing that others do",
    (role, proxy, wanted) => {
      const found = states(checkService(aStatus(proxy, { role }), null, NOW));
      expect(found).toMatchObject({ service: "ok", ...wanted });
      expect(Object.values(found)).not.toContain("fail");
    },
  );

  it("warns of events that a collector dropped", () => {
    const log = { decisions: 0, lost: 0, duplicates: 0, rejected: 0, dropped: 4, appended: 9 };
    expect(states(checkService(aStatus(null, { role: "collect", log }), null, NOW))["loss"]).toBe(
      "warn",
    );
  });

  it("skips everything without a service", () => {
    const { service, ...rest } = states(checkService({ down: "no answer" }, null, NOW));
    expect([service, new Set(Object.values(rest))]).toEqual(["fail", new Set(["skipped"])]);
  });
});

describe("readStats", () => {
  it("takes numbers and leaves texts and histograms", () => {
    const text =
      'a.b: 3\na.version: ""\nc_ms: P0(0,0) P25(0,1)\nd: No recorded values\n127.0.0.1_1.x: 0';
    expect([...readStats(text)]).toEqual([
      ["a.b", 3],
      ["127.0.0.1_1.x", 0],
    ]);
  });
});

const DROPPED = "access_logs.grpc_access_log.logs_dropped";

describe("checkDropped", () => {
  it.each([
    [`${DROPPED}: 0`, "ok"],
    [`${DROPPED}: 1`, "warn"],
    [`${DROPPED}: 0\naccess_logs.grpc_access_log.grpc_entries_flush_failed: 2`, "warn"],
    ["", "skipped"],
  ])("of %j says %s", (text, state) => {
    expect(checkDropped(readStats(text)).state).toBe(state);
  });
});

describe("checkAlive", () => {
  it.each([
    ["wasmcustom.limen.limen.decisions.tagged: 2", "ok"],
    ["wasm.envoy.wasm.runtime.v8.active: 0\nwasm.limen.vm_reload_failure: 0", "fail"],
    ["wasm.envoy.wasm.runtime.v8.active: 2\nwasm.limen.vm_reload_failure: 1", "fail"],
    ["", "skipped"],
  ])("of %j says %s", (text, state) => {
    expect(checkAlive(readStats(text)).state).toBe(state);
  });
});

describe("readDump", () => {
  it.each(["", "<html>", "{}", "[]", '{"configs":[]}', '{"configs":3}'])("refuses %j", (text) => {
    expect(() => readDump(text, "dump.json")).toThrow(/dump\.json: .*save Envoy's/);
  });

  it("bears parts that are not what they should be", () => {
    const part = (name: string, more: object) => ({ "@type": `x/envoy.admin.v3.${name}`, ...more });
    const configs = [
      part("ListenersConfigDump", {
        static_listeners: [null, { listener: 3 }],
        dynamic_listeners: "",
      }),
      part("ClustersConfigDump", { static_clusters: [{}] }),
      part("EcdsConfigDump", { ecds_filters: [{ ecds_filter: null }] }),
      part("RoutesConfigDump", { dynamic_route_configs: [{ route_config: [] }] }),
    ];
    expect(readDump(JSON.stringify({ configs }), "dump.json").managers).toEqual([]);
  });
});

describe("findTags", () => {
  it.each([
    ['{"x-limen-bot": "bot"}', [{ header: "x-limen-bot", value: "bot" }]],
    ["X-Limen-Bot: suspect\r\naccept: */*", [{ header: "x-limen-bot", value: "suspect" }]],
    ["x_limen_bot=bot", [{ header: "x_limen_bot", value: "bot" }]],
    ["x-limen-decision: AQABAA", []],
    ["x-limen-bot: bot\nx-limen-bot: bot", [{ header: "x-limen-bot", value: "bot" }]],
    ["nothing here", []],
  ])("reads %j", (body, tags) => {
    expect(findTags(body)).toEqual(tags);
  });
});

describe("findRequestId", () => {
  const ID = "0b54f6ee-6b0c-4b3c-9d1c-2b8f0b1c9f11";
  it.each([
    [`"x-request-id": "${ID}"`, ID],
    [`X-Request-Id: ${ID}`, ID],
    ["x-request-id: 1", null],
  ])("reads %j", (body, id) => {
    expect(findRequestId(body)).toBe(id);
  });
});

const TAG = { header: "x-limen-bot", value: "bot" };
const RECORD = { status: "tagged", reason: "none", upstream: "bots", tags: [TAG] };
const ROUTES = [{ ...TAG, clusters: ["bots"] }];

function anAnswer(changes: Partial<ProbeAnswer> = {}): ProbeAnswer {
  const body = "x-doctor-probe: m1\nx-limen-bot: bot\n";
  return { code: 200, body, marker: "m1", record: RECORD, ...changes };
}

function aResult(answer: Partial<ProbeAnswer>, changes: Partial<ProbeResult> = {}): ProbeResult {
  const forged = { ...anAnswer({ body: "m1" }), values: ["forged-1", "forged-2"] };
  return { url: "u", plain: [anAnswer(answer)], forged, hasService: true, ...changes };
}

describe("judgeProbe", () => {
  it("is content when the tag arrives, is recorded, and is routed", () => {
    const found = states(judgeProbe(aResult({}), ROUTES));
    expect(new Set(Object.values(found))).toEqual(new Set(["ok"]));
  });

  const untagged = { ...RECORD, status: "base", tags: [] };
  const cases: readonly [string, ProbeResult, string, string][] = [
    ["no answer", aResult({ code: null, record: null, body: "refused" }), "answer", "fail"],
    ["an answer of 503", aResult({ code: 503 }), "answer", "fail"],
    ["no record", aResult({ record: null }), "record", "fail"],
    ["no record that could be found", aResult({ record: null, body: "" }), "record", "warn"],
    ["no service", aResult({ record: null }, { hasService: false }), "record", "skipped"],
    ["a tag that was lost on its way", aResult({ body: "m1" }), "tag", "fail"],
    ["another tag than recorded", aResult({ body: "m1 x-limen-bot: no" }), "tag", "fail"],
    ["no tag", aResult({ body: "m1", record: untagged }), "tag", "skipped"],
    ["an application that shows nothing", aResult({ body: "hello" }), "tag", "skipped"],
    ["the old route", aResult({ record: { ...RECORD, upstream: "shop" } }), "route", "fail"],
    ["an untagged request", aResult({ record: untagged }), "route", "skipped"],
    [
      "a forged tag that arrives",
      aResult(
        {},
        { forged: { ...anAnswer({ body: "m1 forged-2" }), values: ["forged-1", "forged-2"] } },
      ),
      "forgery",
      "fail",
    ],
    [
      "an application that hides whether it arrives",
      aResult({}, { forged: { ...anAnswer({ body: "" }), values: ["forged-1"] } }),
      "forgery",
      "skipped",
    ],
  ];
  it.each(cases)("of %s says so", (_, result, check, state) => {
    expect(states(judgeProbe(result, ROUTES))[check]).toBe(state);
  });

  it("warns where no route asks for the tag", () => {
    expect(states(judgeProbe(aResult({}), []))["route"]).toBe("warn");
  });

  it("skips the route without a configuration", () => {
    expect(states(judgeProbe(aResult({}), null))["route"]).toBe("skipped");
  });

  it("takes the tagged one of several, for some fall to the audit", () => {
    const audited = anAnswer({ body: "m1", record: untagged });
    const found = states(judgeProbe(aResult({}, { plain: [audited, anAnswer()] }), ROUTES));
    expect([found["tag"], found["route"]]).toEqual(["ok", "ok"]);
  });
});

describe("examine", () => {
  const nothing = {
    filter: "limen",
    proxy: null,
    stats: null,
    status: null,
    probe: null,
    now: NOW,
  };
  it("says of a proxy that does not answer what to do, and skips what it would show", () => {
    const { proxy, ...rest } = states(examine({ ...nothing, proxy: { down: "silent" } }));
    expect([proxy, new Set(Object.values(rest))]).toEqual(["fail", new Set(["skipped"])]);
  });

  it("has something to do for everything that is not ok or skipped", () => {
    const found = examine({ ...nothing, proxy: { down: "silent" }, status: { down: "silent" } });
    const idle = found.filter(({ state, todo }) => /warn|fail/.test(state) && todo === "");
    expect(idle).toEqual([]);
  });
});

describe("worstOf", () => {
  it("puts fail before warn before skipped before ok", () => {
    const all = [ok("a", ""), skip("b", "", ""), warn("c", "", ""), fail("d", "", "")];
    expect([1, 2, 3, 4].map((count) => worstOf(all.slice(0, count)))).toEqual([
      "ok",
      "skipped",
      "warn",
      "fail",
    ]);
  });
});
