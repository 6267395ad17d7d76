// What each role shows; over a running service: test/control/auth/cli.test.ts and test/kafka/.
import { describe, expect, it } from "vitest";
import type { StatusView } from "../../../control/api/views.ts";
import { formatStatus } from "../../../control/cli/status.ts";

const MODEL: StatusView["models"][number] = {
  name: "bot",
  digest: "d1",
  objective: "alert:0.02",
  scope: "overall",
  audit: 0.02,
  decisions: 7,
  windowDecisions: 7,
  share: null,
  waiting: null,
  claims: [],
  segments: [
    {
      name: "rest",
      mode: "shadow",
      cuts: { bot: { score: 0.5, bin: 1906, source: "preset" } },
      decisions: 7,
      share: 0.5,
    },
  ],
};

const LOG = {
  decisions: 7,
  lost: 2,
  lostAtMost: false,
  duplicates: 0,
  rejected: 0,
  dropped: 5,
  appended: 11,
};

function show(
  role: StatusView["role"],
  changes: Partial<StatusView> = {},
  format: "table" | "json" = "table",
): string {
  const status: StatusView = {
    version: "1",
    role,
    decider: role === "all" ? "" : "host (http 127.0.0.1:1, pid 1)",
    state: "live",
    serial: 3,
    tableDigest: "t1",
    resourceDigest: "r1",
    pushedAt: 0,
    ttlMs: 0,
    proxies: [],
    models: role === "all" ? [MODEL] : [],
    log: LOG,
    labels: null,
    refused: {},
    waiting: null,
    ...changes,
  };
  return formatStatus(status, format);
}

describe("formatStatus", () => {
  it("shows log, proxies and cuts of a process that does it all", () => {
    const text = show("all");
    expect(
      ["decisions 7, lost 2", "no proxy", "bot/rest.bot"].map((s) => text.includes(s)),
    ).toEqual([true, true, true]);
  });

  it("shows what a collector appended and dropped, and no proxies or cuts", () => {
    const text = show("collect");
    expect(text).toContain("appended 11, rejected 0, dropped 5");
    expect(text).not.toMatch(/proxy|CUT|lost/);
  });

  it("shows proxies of a process that serves, without what only records say", () => {
    const proxy = {
      node: "proxy-1",
      workload: "shop",
      connected: true,
      acked: "r1",
      tableDigest: null,
      nacked: [],
      lastAckMs: 5,
      lastRecordAt: null,
    };
    const text = show("serve", { proxies: [proxy] });
    expect(text).toContain("proxy-1");
    expect(text).not.toMatch(/RUNS TABLE|LAST RECORD|never|CUT|decisions/);
  });

  it("names who knows the loss where a learner sees a part of the records only", () => {
    const text = show("learn", { log: { ...LOG, lost: null } });
    expect(text).toContain("7 in its partitions, lost - (known to host (http 127.0.0.1:1, pid 1))");
    expect(text).not.toMatch(/lost \d|lost at most|proxy|CUT/);
  });

  it("says so where nobody decides yet", () => {
    const text = show("learn", { decider: "", log: { ...LOG, lost: null } });
    expect(text).toContain("lost - (known to the process that decides)");
  });

  it("names the loss where a learner decides", () => {
    expect(show("learn", { models: [MODEL] })).toMatch(/ lost 2,[\s\S]*bot\/rest\.bot/);
  });

  it("says that it is a bound where partitions were not seen at one moment", () => {
    expect(show("learn", { log: { ...LOG, lostAtMost: true } })).toContain("lost at most 2,");
  });

  it("gives a loss that is not known as null in JSON", () => {
    const log = { ...LOG, lost: null };
    const status = JSON.parse(show("learn", { log }, "json")) as StatusView;
    expect([status.log.lost, status.log.lostAtMost]).toEqual([null, false]);
  });

  it("says that there is no table where there is none", () => {
    expect(show("serve", { tableDigest: "", pushedAt: null })).toMatch(/serve: no table yet$/m);
  });
});
