// The whole arrow under Istio: our service pushes, the gateway tags, and its decisions come back by
// the provider of the mesh configuration.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect } from "vitest";
import type { StatusView } from "../../control/api/views.ts";
import { callService } from "../../control/cli/client.ts";
import { buildTelemetry } from "../../control/install/istio-routes.ts";
import { startService } from "../../control/service.ts";
import { parseSettings } from "../../control/settings.ts";
import { LOOPBACK, waitFor } from "../support/envoy.ts";
import { ask } from "../support/load.ts";
import { atStrike, strikeStage } from "../support/stage.ts";
import { SIDECAR, startMesh, waitForListener } from "./mesh.ts";
import { itOnIstio } from "./programs.ts";
import { filterOf, optionsOf } from "./scenes.ts";

afterEach(strikeStage);

const MODEL = join(import.meta.dirname, "../../models/bot");
const SCRIPT = [["user-agent", "python-requests/2.32"]] as const;
const REQUESTS = 40;

async function startOwn() {
  const folder = mkdtempSync(join(tmpdir(), "limen-mesh-"));
  const settings = parseSettings(
    {
      limen: 1,
      models: [MODEL],
      listen: { xds: `${LOOPBACK}:0`, http: `${LOOPBACK}:0` },
      bot: { mode: "tag", audit: 0, bot: { objective: "none", cut: 0.5 } },
      labels: [{ from: "response", negatives: "explicit", window: "2s" }],
    },
    null,
    folder,
  );
  const service = await startService(settings, () => undefined);
  atStrike(async () => {
    await service.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return service;
}

describe("the access log's provider", () => {
  itOnIstio(
    "at a gateway sends each decision, with its record and label, to the service",
    async () => {
      const service = await startOwn();
      const port = Number(service.xds.split(":").at(-1));
      const options = optionsOf({ service: { host: LOOPBACK, port } });
      const mesh = await startMesh({
        kind: "router",
        documents: [filterOf(options), buildTelemetry(options)],
        controlPort: port,
      });
      await waitForListener(mesh.port);
      await waitFor("a tag", async () => {
        const { headers } = await ask(mesh.port, { headers: SCRIPT });
        return headers["x-saw-tag"] === "bot" ? true : null;
      });
      for (let sent = 0; sent < REQUESTS; sent += 1) {
        await ask(mesh.port, { headers: [...SCRIPT, ["x-say-label", "1"]] });
      }
      const status = await waitFor("the decisions and labels", async () => {
        const view = await callService<StatusView>(`http://${service.http}`, "/v1/status");
        return view.labels?.accepted === REQUESTS ? view : null;
      });
      const [proxy] = status.proxies;
      expect(proxy?.node).toBe("router~127.0.0.1~proxy.default~default.svc.cluster.local");
      expect(status.models[0]?.decisions).toBeGreaterThanOrEqual(REQUESTS);
      expect(mesh.bots.count()).toBeGreaterThanOrEqual(REQUESTS);
    },
  );

  itOnIstio("at a sidecar's inbound side sends its decisions too", async () => {
    const service = await startOwn();
    const port = Number(service.xds.split(":").at(-1));
    const given = { uses: ["inbound"], workload: SIDECAR } as const;
    const options = optionsOf({ ...given, service: { host: LOOPBACK, port } });
    const mesh = await startMesh({
      kind: "sidecar",
      documents: [filterOf(options), buildTelemetry(options)],
      controlPort: port,
    });
    await waitForListener(mesh.port);
    const decisions = await waitFor("a decision", async () => {
      await ask(mesh.port);
      const view = await callService<StatusView>(`http://${service.http}`, "/v1/status");
      return view.log.decisions > 0 ? view.log.decisions : null;
    });
    expect(decisions).toBeGreaterThan(0);
  });

  itOnIstio("never shows the label to the client", async () => {
    const service = await startOwn();
    const port = Number(service.xds.split(":").at(-1));
    const options = optionsOf({ service: { host: LOOPBACK, port } });
    const mesh = await startMesh({ kind: "router", documents: [filterOf(options)] });
    await waitForListener(mesh.port);
    const { headers } = await ask(mesh.port, { headers: [["x-say-label", "1"]] });
    expect([headers["x-upstream"] !== undefined, headers["x-limen-label"]]).toEqual([
      true,
      undefined,
    ]);
  });
});
