// `limen doctor` against an Envoy as istiod configured it, and a real service.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect } from "vitest";
import { findFreePort } from "../../control/demo/ports.ts";
import { startEcho } from "../../control/envoy/echo.ts";
import { openService, runDoctor } from "../support/doctor.ts";
import { itOnEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import type { Recordings } from "../support/istio-recording.ts";
import { replay } from "../support/istio-replay.ts";
import { ask } from "../support/load.ts";
import { atStrike, strikeStage } from "../support/stage.ts";

const SCRIPT = [["user-agent", "python-requests/2.32"]] as const;
/** Istio's provider of access logs has no field for the size of its buffer. */
const KNOWN = ["access-log"];

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "limen-doctor-"));
});
afterEach(async () => {
  await strikeStage();
  rmSync(folder, { recursive: true });
});

async function open(which: keyof Recordings, control: number) {
  const [shop, bots] = [await startEcho("shop"), await startEcho("bots")];
  for (const echo of [shop, bots]) atStrike(echo.close);
  return replay(which, { shop: shop.address.port, bots: bots.address.port, control });
}

describe("limen doctor, on a proxy as istiod configured it", () => {
  itOnEnvoy("finds a gateway well: a tag that arrives, routes and is recorded", async () => {
    const service = await openService(folder);
    const { ports, admin } = await open("gateway", Number(service.xds.split(":").at(-1)));
    await waitFor("the table to tag", async () => {
      const { body } = await ask(ports.listener, { headers: SCRIPT });
      return body.toLowerCase().includes("x-limen-bot") ? true : null;
    });
    const { code, findings } = await runDoctor(
      ...["--admin", admin, "--server", `http://${service.http}`],
      ...["--probe", `http://${LOOPBACK}:${ports.listener}/`],
    );
    const others = findings.filter(({ state }) => state !== "ok");
    expect([code, others.map(({ check }) => check)]).toEqual([0, KNOWN]);
  });

  itOnEnvoy("finds the filter of a sidecar in both directions", async () => {
    const service = await openService(folder);
    const { ports, admin } = await open("sidecar", Number(service.xds.split(":").at(-1)));
    const { find, wrong } = await runDoctor("--admin", admin, "--server", `http://${service.http}`);
    const seen = find("filter")?.seen ?? "";
    expect(wrong).toEqual([]);
    expect([seen.includes(`_${ports.listener}`), seen.includes(`_${ports.outbound}`)]).toEqual([
      true,
      true,
    ]);
  });

  itOnEnvoy("says that nobody pushes while the control service is down", async () => {
    const { admin } = await open("gateway", await findFreePort());
    const { code, wrong } = await runDoctor("--admin", admin, "--no-service");
    expect([code, wrong]).toEqual([1, ["connection"]]);
  });
});
