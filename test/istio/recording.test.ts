// Holds the fixture that test/envoy/istio-replay.test.ts replays to what a real istiod sends.
// `LIMEN_RECORD=1 npm run test:istio` writes it again.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect } from "vitest";
import type { IstioUse } from "../../control/install/istio-options.ts";
import { buildTelemetry } from "../../control/install/istio-routes.ts";
import { LOOPBACK } from "../support/envoy.ts";
import { type Recording, type Recordings, takeRecording } from "../support/istio-recording.ts";
import { startControl, strikeStage } from "../support/stage.ts";
import { GATEWAY, SIDECAR, startMesh, waitForListener } from "./mesh.ts";
import { ISTIO_VERSION, itOnIstio } from "./programs.ts";
import { filterOf, optionsOf } from "./scenes.ts";

afterEach(strikeStage);

const FIXTURE = join(import.meta.dirname, `../fixtures/istio-${ISTIO_VERSION}.json`);

async function record(kind: "router" | "sidecar", uses: readonly IstioUse[]): Promise<Recording> {
  const control = await startControl();
  const workload = kind === "router" ? GATEWAY : SIDECAR;
  const service = { host: LOOPBACK, port: control.port };
  const options = optionsOf({ service, uses, workload });
  const mesh = await startMesh({
    kind,
    documents: [filterOf(options), buildTelemetry(options)],
    controlPort: control.port,
  });
  await waitForListener(mesh.port);
  const dump = await mesh.readAdmin("/config_dump?include_eds");
  const ports = {
    listener: mesh.port,
    outbound: mesh.outboundPort,
    shop: mesh.shop.address.port,
    bots: mesh.bots.address.port,
    control: control.port,
  };
  const recording = takeRecording(dump, ports);
  await strikeStage();
  return recording;
}

describe(`the recorded configuration of Istio ${ISTIO_VERSION}`, () => {
  itOnIstio("is what istiod sends today", async () => {
    const taken: Recordings = {
      gateway: await record("router", ["gateway"]),
      sidecar: await record("sidecar", ["inbound", "outbound"]),
    };
    if (process.env["LIMEN_RECORD"]) writeFileSync(FIXTURE, `${JSON.stringify(taken, null, 1)}\n`);
    expect(taken).toEqual(JSON.parse(readFileSync(FIXTURE, "utf8")));
  });
});
