// Who calls, under Istio: the proxy's certificate of the mesh by SDS or as files, and the service's.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect } from "vitest";
import type { Json } from "../../control/envoy/json.ts";
import {
  buildOverrideMap,
  CERTIFICATE_FILES,
  OVERRIDE_KEY,
} from "../../control/install/istio-cluster.ts";
import type { IstioIdentity, IstioWay } from "../../control/install/istio-options.ts";
import { buildTelemetry } from "../../control/install/istio-routes.ts";
import { parseSettings } from "../../control/settings.ts";
import { someTable } from "../support/builders.ts";
import { type Authority, createAuthority, type Pem } from "../support/certificates.ts";
import { waitFor } from "../support/envoy.ts";
import { type Guarded, startGuarded } from "../support/guarded.ts";
import { AWAY } from "../support/identity.ts";
import { atStrike, strikeStage } from "../support/stage.ts";
import { CONTROL_HOST, startMesh, waitForListener } from "./mesh.ts";
import { itOnIstio } from "./programs.ts";
import { inlineResource } from "./resource.ts";
import { filterOf, optionsOf, TAGGED, upstreamOf, waitForUpstream } from "./scenes.ts";

afterEach(strikeStage);

const RESOURCE = inlineResource(someTable());
const PROXY = "spiffe://cluster.local/ns/default/sa/proxy";
const SERVICE = "spiffe://cluster.local/ns/limen-system/sa/limen";
const MESH: IstioIdentity = { kind: "mesh", account: "limen", trustDomain: "cluster.local" };
/** Far longer than a connection and a push take. */
const QUIET_MS = 3000;

function writePem(folder: string, pem: Pem, authority: Authority): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, CERTIFICATE_FILES.chain), pem.certificate);
  writeFileSync(join(folder, CERTIFICATE_FILES.key), pem.key);
  writeFileSync(join(folder, CERTIFICATE_FILES.root), authority.certificate);
}

type Cast = {
  way: IstioWay;
  identity: (folder: string) => IstioIdentity;
  /** Names in the service's certificate. */
  service: { uris?: readonly string[]; ip?: readonly string[] };
  /** The SPIFFE id in the proxy's certificate. */
  proxy?: string;
  /** The one in `auth.allow`. */
  allow?: string;
};

/** Listeners with the settings of a limen.yaml that names our proxy. */
async function startOwn(folder: string, spiffe: string): Promise<Guarded> {
  const [certificate, key, clientCa] = [
    CERTIFICATE_FILES.chain,
    CERTIFICATE_FILES.key,
    CERTIFICATE_FILES.root,
  ];
  const auth = { tls: { certificate, key, clientCa }, allow: [{ spiffe, role: "proxy" }] };
  const settings = parseSettings({ limen: 1, models: ["bot"], auth }, null, folder);
  const guarded = await startGuarded(settings.auth);
  atStrike(guarded.close);
  guarded.server.setTarget("limen", RESOURCE);
  return guarded;
}

/** The service with its certificate, and a gateway with its own. */
async function setCast(cast: Cast) {
  const folder = mkdtempSync(join(tmpdir(), "limen-identity-"));
  atStrike(async () => rmSync(folder, { recursive: true, force: true }));
  const authority = await createAuthority();
  writePem(folder, await authority.issue(cast.service), authority);
  const client = await authority.issue({ uris: [cast.proxy ?? PROXY] });
  const clientFolder = join(folder, "client");
  writePem(clientFolder, client, authority);
  const service = await startOwn(folder, cast.allow ?? PROXY);
  const { port } = service.server;
  const options = optionsOf({
    way: cast.way,
    service: { host: AWAY, port },
    identity: cast.identity(clientFolder),
  });
  const data = buildOverrideMap(options)["data"] as Record<string, string>;
  const override = cast.way === "static-cluster" ? { override: data[OVERRIDE_KEY] ?? "" } : {};
  const mesh = await startMesh({
    kind: "router",
    documents: [filterOf(options), buildTelemetry(options), mutual()],
    controlPort: port,
    controlAddress: AWAY,
    ...override,
    // Where Istio's agent looks for certificates before it asks an authority.
    prepare: async (agent) => {
      writePem(join(agent, "etc/certs"), client, authority);
      writePem(join(agent, "var/run/secrets/istio"), client, authority);
    },
  });
  await waitForListener(mesh.port);
  return { mesh, service };
}

/** Access logs show the proxy's certificate too. */
const mutual = (): Json => ({
  apiVersion: "networking.istio.io/v1",
  kind: "DestinationRule",
  metadata: { name: "limen", namespace: "default" },
  spec: { host: CONTROL_HOST, trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" } } },
});

const isAcked = ({ server }: Guarded): boolean =>
  server.proxies().some(({ acked }) => acked?.digest === RESOURCE.digest);

const waitForAck = (service: Guarded): Promise<true> =>
  waitFor("the ACK", () => (isAcked(service) ? true : null));

const MESH_CAST = {
  way: "static-cluster",
  identity: () => MESH,
  service: { uris: [SERVICE] },
} as const;

describe("a static cluster with the mesh's certificates by SDS", () => {
  itOnIstio("shows the proxy's SPIFFE id, and gets its tables", async () => {
    const { mesh, service } = await setCast(MESH_CAST);
    await waitForAck(service);
    await waitForUpstream(mesh, "bots", TAGGED);
    expect(service.server.proxies().map(({ node }) => node)).toEqual([
      "router~127.0.0.1~proxy.default~default.svc.cluster.local",
    ]);
  });

  itOnIstio("logs decisions over the same identity by the provider", async () => {
    const { mesh, service } = await setCast(MESH_CAST);
    await waitForAck(service);
    await waitForUpstream(mesh, "bots", TAGGED);
    const topic = await waitFor("a decision", () => service.appended[0]?.topic ?? null);
    expect([topic, service.auth.refused().identity]).toEqual(["limen.decisions", 0]);
  });

  itOnIstio("speaks to no service with another id", async () => {
    const uris = ["spiffe://cluster.local/ns/limen-system/sa/other"];
    const { mesh, service } = await setCast({ ...MESH_CAST, service: { uris } });
    await waitFor("a broken connection", async () => {
      const stats = await mesh.readStats("limen.update_failure$");
      return Object.values(stats).some((count) => count > 0) ? true : null;
    });
    expect([isAcked(service), await upstreamOf(mesh, TAGGED)]).toEqual([false, "shop"]);
  });

  itOnIstio("gets nothing with an id that auth.allow does not name", async () => {
    const proxy = "spiffe://cluster.local/ns/default/sa/stranger";
    const { mesh, service } = await setCast({ ...MESH_CAST, proxy });
    await waitFor("the refusal", () => (service.auth.refused().role > 0 ? true : null));
    expect([isAcked(service), await upstreamOf(mesh, TAGGED)]).toEqual([false, "shop"]);
  });

  itOnIstio("gets nothing for a namespace that its certificate does not name", async () => {
    const proxy = "spiffe://cluster.local/ns/other/sa/proxy";
    const { service } = await setCast({ ...MESH_CAST, proxy, allow: proxy });
    await waitFor("the refusal", () => (service.auth.refused().node > 0 ? true : null));
    expect(isAcked(service)).toBe(false);
  });
});

const FILES_CAST = {
  way: "google-grpc",
  identity: (folder: string) => ({ kind: "files", folder }) as const,
} as const;

describe("gRPC's own client with certificate files", () => {
  itOnIstio("gets its tables from a service whose certificate names its host", async () => {
    const { mesh, service } = await setCast({ ...FILES_CAST, service: { ip: [AWAY] } });
    await waitForAck(service);
    await waitForUpstream(mesh, "bots", TAGGED);
    expect(service.auth.refused().identity).toBe(0);
  });

  itOnIstio("speaks to no service that has a SPIFFE id only", async () => {
    const { mesh, service } = await setCast({ ...FILES_CAST, service: { uris: [SERVICE] } });
    await sleep(QUIET_MS);
    expect([isAcked(service), await upstreamOf(mesh, TAGGED)]).toEqual([false, "shop"]);
  });
});
