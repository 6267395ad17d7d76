import { describe, expect, it } from "vitest";
import { parseSettings } from "../../control/settings.ts";

const parse = (labels: unknown, extra: Record<string, unknown> = {}) =>
  parseSettings({ limen: 1, models: ["models/bot"], labels, ...extra }, "limen.yaml", "/etc/limen")
    .labels;
const DESK = { from: "http", source: "desk", negatives: "absence" };

describe("labels of limen.yaml", () => {
  it("are joined from nowhere without the key", () => {
    expect(parse([])).toBeNull();
  });

  it("take the largest window as W", () => {
    const labels = parse([
      { from: "response", negatives: "explicit", window: "2s" },
      { ...DESK, window: "24h" },
    ]);
    expect(labels?.windowMs).toBe(86_400_000);
  });

  it("come by the header x-limen-label, affected by the tag, unless said", () => {
    expect(parse([{ from: "response", negatives: "explicit" }])?.sources[0]).toMatchObject({
      name: "response",
      header: "x-limen-label",
      affectedByTag: true,
      windowMs: 1_000,
      heartbeatMs: null,
    });
  });

  it("ask a source whose silence means a negative for a word an hour unless said", () => {
    expect(parse([DESK])?.sources[0]).toMatchObject({ heartbeatMs: 3_600_000, minPerMs: null });
    expect(parse([{ ...DESK, heartbeat: "1m" }])?.sources[0]?.heartbeatMs).toBe(60_000);
    expect(parse([{ ...DESK, minRate: "3600/h" }])?.sources[0]).toMatchObject({
      heartbeatMs: null,
      minPerMs: 0.001,
    });
  });

  it("read statuses and their classes", () => {
    const [source] = parse([{ from: "status", positive: [401, "5xx"] }])?.sources ?? [];
    expect(source?.codes).toEqual([
      [401, 401],
      [500, 599],
    ]);
  });

  it("read Envoy's response flags as their bits", () => {
    const [source] = parse([{ from: "flag", positive: ["LH", "RL"] }])?.sources ?? [];
    expect(source?.flags).toBe(0b1000_0000_0001);
  });

  it.each([
    [[{ ...DESK, source: undefined }], /labels\.0\.source: name the source/],
    [[{ ...DESK, header: "x-a" }], /labels\.0\.header: only a source from: response/],
    [[{ ...DESK, negatives: undefined }], /labels\.0\.negatives: say what silence means/],
    [[{ ...DESK, window: "500ms" }], /labels\.0\.window: 1s to 30d/],
    [[{ ...DESK, negatives: "explicit", heartbeat: "1h" }], /labels\.0\.heartbeat: only where/],
    [[{ ...DESK, minRate: "often" }], /labels\.0\.minRate: a rate like/],
    [[{ ...DESK, minrate: "1/h" }], /unknown key labels\.0\.minrate; .* "minRate"/],
    [[{ from: "status" }], /labels\.0\.positive: what is positive/],
    [[{ from: "status", positive: ["6xx"] }], /labels\.0\.positive: 6xx is no status/],
    [[{ from: "flag", positive: ["XX"] }], /labels\.0\.positive: XX is no response flag/],
    [[DESK, DESK], /labels: two sources are named desk/],
    [
      [
        { from: "response", negatives: "explicit" },
        { from: "response", source: "b", negatives: "explicit" },
      ],
      /labels: one source from: response/,
    ],
    [Array(17).fill(DESK), /labels: at most 16 sources/],
  ])("refuse %j", (labels, message) => {
    expect(() => parse(labels)).toThrow(message);
  });

  it("refuse to keep decisions for less than three windows", () => {
    const keep = { decisions: "71h" };
    expect(() => parse([DESK], { keep })).toThrow(/keep\.decisions: at least three label windows/);
    expect(parse([DESK], { keep: { decisions: "72h" } })).not.toBeNull();
  });
});
