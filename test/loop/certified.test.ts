import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { HistoryView } from "../../control/api/views.ts";
import { callService } from "../../control/cli/client.ts";
import { generateRequests } from "../../control/demo/traffic/generate.ts";
import { connectProxy, openArrow, waitForStatus } from "../support/arrow.ts";
import type { Request } from "../support/proxy-wasm/stream.ts";

const SEED = 9_191;
type Sent = { request: Request; isBot: boolean };

/** Traffic with or without the partner, which looks like a bot and is none. */
function traffic(count: number, seed: number): Sent[] {
  return generateRequests({ seed, count, botShare: 0.1, mode: "live" }).map(
    ({ method, path, authority, headers, truth }) => ({
      isBot: truth.bot,
      request: {
        headers: [
          [":method", method],
          [":path", path],
          [":authority", authority],
          [":scheme", "https"],
          ...Object.entries(headers),
        ],
      },
    }),
  );
}

/** What header_to_metadata makes of the label header of a response. */
const labelled = (isBot: boolean): object => ({
  metadata: {
    filter_metadata: { limen: { fields: { label: { stringValue: isBot ? "1" : "0" } } } },
  },
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const SETTINGS = {
  segments: { prefix: { "/api/orders": "orders" } },
  labels: [{ from: "response", negatives: "explicit", window: "1s" }],
  bot: {
    mode: "tag",
    audit: 0.25,
    bot: { objective: "fpr:0.05", scope: "segment" },
    segments: { orders: { mode: "off" } },
  },
};

async function open(extra: Record<string, unknown> = {}) {
  const arrow = await openArrow({ ...SETTINGS, ...extra });
  closers.push(arrow.remove);
  const service = await arrow.start();
  closers.push(service.close);
  const proxy = connectProxy(service);
  closers.push(proxy.close);
  const { proxies } = await waitForStatus(service, "the first table", (status) =>
    status.proxies.some(({ acked }) => acked === status.resourceDigest),
  );
  expect(proxies.length).toBe(1);
  const send = ({ request, isBot }: Sent) => ({
    stream: proxy.send(request, labelled(isBot)),
    isBot,
  });
  return { arrow, service, send };
}
type Opened = Awaited<ReturnType<typeof open>>;

async function certify({ service, send }: Opened): Promise<void> {
  // A cohort counts when all of it lies within the epoch: the next one of 1 s does.
  await waitForStatus(service, "an epoch", ({ models }) => models[0]?.claims.length === 1);
  await sleep(1_100);
  for (const one of traffic(1_500, SEED)) send(one);
  // Log time moves on, so that the cohorts close.
  await sleep(2_500);
  for (const one of traffic(50, SEED + 1)) send(one);
  await waitForStatus(service, "a certified cut in use", (status) => {
    const cut = status.models[0]?.segments[0]?.cuts["bot"];
    const isLive = status.proxies.some(({ acked }) => acked === status.resourceDigest);
    return isLive && cut?.certificate?.certified === true && cut.score !== null;
  });
}

describe("a cut certified from labels", () => {
  it("tags nothing before it is certified, and then few of the people", async () => {
    const opened = await open();
    const before = traffic(200, SEED + 2).map(opened.send);
    expect(before.filter(({ stream }) => stream.header("x-limen-bot")).length).toBe(0);
    await certify(opened);
    const after = traffic(2_000, SEED + 3)
      .filter(
        ({ request }) => !request.headers.some(([, value]) => value.startsWith("/api/orders")),
      )
      .map(opened.send);
    const people = after.filter(({ isBot }) => !isBot);
    const wrong = people.filter(({ stream }) => stream.header("x-limen-bot"));
    const caught = after.filter(({ isBot, stream }) => isBot && stream.header("x-limen-bot"));
    // Three standard deviations above the objective.
    expect(wrong.length / people.length).toBeLessThan(
      0.05 + 3 * Math.sqrt((0.05 * 0.95) / people.length),
    );
    expect(caught.length).toBeGreaterThan(50);
  });

  it("withdraws every cut when the tagged share more than doubles, and holds when told to", async () => {
    const opened = await open({ onDrift: "hold" });
    await certify(opened);
    const flood = generateRequests({ seed: SEED + 4, count: 1_500, botShare: 0.9, mode: "live" });
    for (const { method, path, authority, headers, truth } of flood) {
      const pseudo: [string, string][] = [
        [":method", method],
        [":path", path],
        [":authority", authority],
        [":scheme", "https"],
      ];
      opened.send({
        request: { headers: [...pseudo, ...Object.entries(headers)] },
        isBot: truth.bot,
      });
    }
    const cutsOf = (status: Parameters<Parameters<typeof waitForStatus>[2]>[0]) =>
      status.models[0]?.segments
        .filter(({ mode }) => mode === "tag")
        .map(({ cuts }) => cuts["bot"]?.score);
    await waitForStatus(
      opened.service,
      "the safe side",
      (status) => cutsOf(status)?.every((score) => score === null) ?? false,
    );
    const { events } = await callService<{ events: HistoryView[] }>(
      `http://${opened.service.http}`,
      "/v1/history?since=0",
    );
    expect(events.find(({ what }) => what === "alarm")?.why).toMatch(
      /bot: rest: .* decisions at or above the cut.*safe side, new epoch; held until on/,
    );
  });
});
