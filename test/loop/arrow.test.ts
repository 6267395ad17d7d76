import { afterEach, describe, expect, it } from "vitest";
import type { ApplyAnswer, HistoryView } from "../../control/api/views.ts";
import { callService } from "../../control/cli/client.ts";
import { generateRequests } from "../../control/demo/traffic/generate.ts";
import type { Service } from "../../control/service.ts";
import { connectProxy, openArrow, statusOf, waitForStatus } from "../support/arrow.ts";
import type { Request } from "../support/proxy-wasm/stream.ts";

const SEED = 4_242;
const requests: Request[] = generateRequests({
  seed: SEED,
  count: 1_500,
  botShare: 0.1,
  mode: "live",
}).map(({ method, path, authority, headers }) => ({
  headers: [
    [":method", method],
    [":path", path],
    [":authority", authority],
    [":scheme", "https"],
    ...Object.entries(headers),
  ],
}));

const closers: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function open(extra: Record<string, unknown>) {
  const arrow = await openArrow(extra);
  closers.push(async () => arrow.remove());
  const service = await arrow.start();
  let running: Service | null = service;
  closers.push(() => running?.close());
  const proxy = connectProxy(service);
  closers.push(proxy.close);
  const settled = (status: {
    proxies: readonly { acked: string | null }[];
    resourceDigest: string;
  }) => status.proxies.some(({ acked }) => acked === status.resourceDigest);
  await waitForStatus(service, "the first table", settled);
  const post = <Answer>(path: string, body: unknown): Promise<Answer> =>
    callService<Answer>(`http://${service.http}`, path, body);
  const restart = async (): Promise<Service> => {
    proxy.close();
    await running?.close();
    running = await arrow.start();
    return running;
  };
  return { arrow, service, proxy, post, settled, restart };
}

const tagged = (streams: readonly { header(name: string): string | undefined }[]): number =>
  streams.filter((stream) => stream.header("x-limen-bot") === "bot").length;

describe("the arrow in one process", () => {
  it("moves a cut by what it saw, and the next requests carry another tag", async () => {
    const { service, proxy, post, settled } = await open({
      bot: { mode: "shadow", audit: 0, bot: { cut: "none" } },
    });
    expect(tagged(requests.map((request) => proxy.send(request)))).toBe(0);
    await post("/v1/apply", { set: { "bot.bot.objective": "alert:0.05" } });
    await waitForStatus(
      service,
      "a learned cut",
      ({ models }) => models[0]?.segments[0]?.cuts["bot"]?.source === "learned",
    );
    await post("/v1/apply", { set: { "bot.mode": "tag" } });
    await waitForStatus(service, "the tagging table", settled);
    const share = tagged(requests.map((request) => proxy.send(request))) / requests.length;
    expect(share).toBeGreaterThan(0.03);
    expect(share).toBeLessThan(0.07);
  });

  it("tags nothing after off, and again after on, over a restart", async () => {
    const { service, proxy, post, settled, restart } = await open({
      bot: { mode: "tag", audit: 0, bot: { cut: 0.1 } },
    });
    const before = tagged(requests.map((request) => proxy.send(request)));
    await post("/v1/off", {});
    await waitForStatus(service, "the base table", settled);
    expect([before > 0, tagged(requests.map((request) => proxy.send(request)))]).toEqual([true, 0]);
    const again = await restart();
    expect((await statusOf(again)).state).toBe("off");
    const { changed } = await callService<ApplyAnswer>(`http://${again.http}`, "/v1/on", {});
    expect(changed).toBe(true);
  });

  it("counts every decision once and none as lost", async () => {
    const { service, proxy } = await open({});
    for (const request of requests) proxy.send(request);
    const { log } = await waitForStatus(
      service,
      "all decisions",
      ({ log }) => log.decisions === requests.length,
    );
    expect(log).toMatchObject({ lost: 0, duplicates: 0, rejected: 0, dropped: 0 });
  });

  it("pushes nothing after a restart that changes nothing", async () => {
    const { service, restart } = await open({ bot: { mode: "tag", bot: { cut: 0.5 } } });
    const before = await statusOf(service);
    const after = await statusOf(await restart());
    expect([after.serial, after.tableDigest]).toEqual([before.serial, before.tableDigest]);
  });

  it("says in the history who changed what", async () => {
    const { service, post } = await open({});
    await post("/v1/apply", { set: { "bot.mode": "tag" }, by: "ann" });
    const { events } = await callService<{ events: HistoryView[] }>(
      `http://${service.http}`,
      "/v1/history?since=0",
    );
    expect(events.find(({ what }) => what === "applied")).toMatchObject({
      by: "ann via loopback",
      why: "bot.mode=tag (not staged)",
    });
  });

  it("refuses an objective that needs labels where no source gives any", async () => {
    const { post } = await open({});
    await expect(post("/v1/apply", { set: { "bot.bot.objective": "fpr:0.01" } })).rejects.toThrow(
      /needs labels; name a source under labels/,
    );
  });

  it("refuses a second service on the same event log", async () => {
    const { arrow } = await open({});
    await expect(arrow.start()).rejects.toThrow(/another process has it open/);
  });
});
