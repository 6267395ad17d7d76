import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Json } from "../../../control/envoy/json.ts";
import {
  buildService,
  defaultSettings,
  type ServiceOptions,
} from "../../../control/install/istio-service.ts";
import { parseSettings } from "../../../control/settings.ts";

const PROXIES = "spiffe://cluster.local/ns/istio-ingress/sa/*";

function build(roles: ServiceOptions["roles"]): Json[] {
  return buildService({
    controlNamespace: "limen-system",
    service: { host: "limen.limen-system.svc.cluster.local", port: 18000 },
    image: "limen:0.1.0",
    roles,
    settings: defaultSettings("/opt/limen/models/bot", PROXIES),
  });
}

const namesOf = (documents: readonly Json[], kind: string): string[] =>
  documents
    .filter((each) => each["kind"] === kind)
    .map(({ metadata }) => String((metadata as Json)["name"]));

const argsOf = (documents: readonly Json[]): string[][] =>
  documents
    .filter((each) => each["kind"] === "Deployment")
    .map((each) => {
      const { spec } = each as {
        spec: { template: { spec: { containers: { args: string[] }[] } } };
      };
      return spec.template.spec.containers[0]?.args.slice(0, -2) ?? [];
    });

describe("buildService", () => {
  it("writes settings that limen.yaml takes", () => {
    const map = build(["run"]).find(({ kind }) => kind === "ConfigMap") as {
      data: Record<string, string>;
    };
    const settings = parseSettings(parse(map.data["limen.yaml"] ?? ""), null, "/etc/limen");
    expect(settings.auth?.allow.map(({ spiffe, role }) => [spiffe, role])).toEqual([
      [PROXIES, "proxy"],
    ]);
  });

  it("runs all roles in one process with a volume for the embedded log", () => {
    const documents = build(["run"]);
    expect([argsOf(documents), namesOf(documents, "PersistentVolumeClaim")]).toEqual([
      [["run"]],
      ["limen"],
    ]);
  });

  it("runs each role in a Deployment of its own, without a volume", () => {
    const documents = build(["collect", "learn", "serve"]);
    expect(argsOf(documents)).toEqual([
      ["run", "collect"],
      ["run", "learn"],
      ["run", "serve"],
    ]);
    expect(namesOf(documents, "PersistentVolumeClaim")).toEqual([]);
  });

  it("gives proxies the role that serves under the plain name, and the others theirs", () => {
    const services = build(["collect", "learn", "serve"]).filter(({ kind }) => kind === "Service");
    const targets = services.map((each) => {
      const { metadata, spec } = each as { metadata: { name: string }; spec: { selector: Json } };
      return [metadata.name, spec.selector["limen/role"]];
    });
    expect(targets).toEqual([
      ["limen", "serve"],
      ["limen-collect", "collect"],
      ["limen-learn", "learn"],
    ]);
  });

  it("names a ServiceAccount that every Deployment runs as", () => {
    const documents = build(["collect", "learn", "serve"]);
    const accounts = documents
      .filter(({ kind }) => kind === "Deployment")
      .map((each) => {
        const { spec } = each as { spec: { template: { spec: { serviceAccountName: string } } } };
        return spec.template.spec.serviceAccountName;
      });
    expect([namesOf(documents, "ServiceAccount"), new Set(accounts)]).toEqual([
      ["limen"],
      new Set(["limen"]),
    ]);
  });
});
