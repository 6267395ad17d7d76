// Labels on the whole way: an application's answer or a post, Envoy, the log, the join.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect } from "vitest";
import type { LabelsView, StatusView } from "../../control/api/views.ts";
import { callService } from "../../control/cli/client.ts";
import type { LabelsAnswer } from "../../control/collect/label-intake.ts";
import { startService } from "../../control/service.ts";
import { parseSettings } from "../../control/settings.ts";
import { itOnEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import { ask, type Question } from "../support/load.ts";
import { atStrike, FILTER, startApplication, startProxy, strikeStage } from "../support/stage.ts";
import type { Seen } from "../support/upstream.ts";

afterEach(strikeStage);

const MODELS = join(import.meta.dirname, "../../models");
const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));

/** The whole service, an application and a real Envoy between them, once its table is ACKed. */
async function setLabelStage(labels: unknown[]) {
  const folder = mkdtempSync(join(tmpdir(), "limen-labels-"));
  atStrike(async () => rmSync(folder, { recursive: true }));
  const settings = parseSettings(
    {
      limen: 1,
      models: [join(MODELS, "bot")],
      listen: { xds: `${LOOPBACK}:0`, http: `${LOOPBACK}:0` },
      token: true,
      ttl: "off",
      labels,
    },
    null,
    folder,
  );
  const service = await startService(settings, () => undefined);
  atStrike(service.close);
  const http = `http://${service.http}`;
  const shop = await startApplication("shop");
  const control = { host: LOOPBACK, port: portOf(service.xds) };
  const envoy = await startProxy({
    upstreams: [shop],
    tagRoutes: [],
    defaultUpstream: "shop",
    filters: [{ ...FILTER, vmId: "limen" }],
    xds: control,
    accessLog: control,
    accessLogFlushMs: 100,
    labelHeader: "x-limen-label",
  });
  const readStatus = (): Promise<StatusView> => callService(http, "/v1/status");
  await waitFor("the ACK", async () => {
    const { proxies, resourceDigest } = await readStatus();
    return proxies.some(({ acked }) => acked === resourceDigest) ? true : null;
  });
  const readLabels = async (): Promise<LabelsView | null> => (await readStatus()).labels;
  const send = (question: Question = {}) => ask(envoy.port, question);
  const waitForFate = (fate: "joined" | "waiting" | "duplicate", count: number) =>
    waitFor(`${count} ${fate}`, async () => {
      const view = await readLabels();
      return view?.[fate] === count ? view : null;
    });
  const post = (body: object): Promise<LabelsAnswer> => callService(http, "/v1/labels", body);
  return { send, post, readLabels, waitForFate, readStatus };
}

const headerOf = (body: string, name: string): string => {
  const seen = JSON.parse(body) as Seen;
  return seen.headers.find(([own]) => own === name)?.[1] ?? "";
};

const RESPONSE = { from: "response", negatives: "explicit", window: "2s" };
const STATUS = { from: "status", positive: [401, "5xx"], window: "2s" };
const DESK = { from: "http", source: "desk", window: "2s", negatives: "explicit" };

describe("labels on a real Envoy", () => {
  itOnEnvoy("come by a response header that the client does not see", async () => {
    const { send, waitForFate } = await setLabelStage([RESPONSE]);
    const reply = await send({ headers: [["x-say-label", "1"]] });
    expect([reply.status, reply.headers["x-limen-label"]]).toEqual([200, undefined]);
    expect(await waitForFate("joined", 1)).toMatchObject({ accepted: 1, invalid: 0 });
  });

  itOnEnvoy("come by the status of the answer", async () => {
    const { send, waitForFate } = await setLabelStage([STATUS]);
    for (const status of ["200", "401", "503"]) await send({ headers: [["x-say-status", status]] });
    expect(await waitForFate("joined", 2)).toMatchObject({ accepted: 2 });
  });

  itOnEnvoy("join by the request id and by the token that the application saw", async () => {
    const { send, post, waitForFate, readLabels } = await setLabelStage([DESK]);
    const [first, second] = [await send(), await send()];
    const posted = await post({
      labels: [
        { requestId: headerOf(first.body, "x-request-id"), label: 1 },
        { token: headerOf(second.body, "x-limen-decision"), label: 0 },
      ],
    });
    expect(posted.labels.map(({ answer }) => answer)).not.toContain("rejected");
    expect(await waitForFate("joined", 2)).toMatchObject({ accepted: 2, unknown: 0 });
    // Nothing moves the log's time on but ticks now.
    await waitFor("the closed cohort", async () =>
      ((await readLabels())?.closedCohorts ?? 0) > 0 ? true : null,
    );
  });

  itOnEnvoy("are rejected when the token was changed on its way", async () => {
    const { send, post, readLabels } = await setLabelStage([DESK]);
    const token = headerOf((await send()).body, "x-limen-decision");
    const changed = `${token.slice(0, 10)}${token[10] === "A" ? "B" : "A"}${token.slice(11)}`;
    const { labels } = await post({ token: changed, label: 1 });
    expect(labels[0]).toMatchObject({ answer: "rejected", why: expect.stringMatching(/^mac/) });
    expect((await readLabels())?.rejectedBy).toMatchObject({ mac: 1 });
  });
});
