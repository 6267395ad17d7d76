// What Istio's own injector makes of our annotations.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import type { Json } from "../../control/envoy/json.ts";
import { OVERRIDE_KEY, overrideName } from "../../control/install/istio-cluster.ts";
import { buildExamples } from "../../control/install/istio-examples.ts";
import { buildAnnotations } from "../../control/install/istio-fixed.ts";
import { DEFAULT_OPTIONS, type IstioOptions } from "../../control/install/istio-options.ts";
import { CERTIFICATE_FOLDER } from "../../control/install/istio-service.ts";
import { runIstioctl } from "./istioctl.ts";
import { itOnIstio, writeKubeconfig } from "./programs.ts";
import { startStubApi } from "./stub-api.ts";

type Container = {
  name: string;
  env?: { name: string; value?: string }[];
  volumeMounts?: { name: string; mountPath: string }[];
};
type Pod = { containers: Container[]; initContainers?: Container[]; volumes: Json[] };

const read = (text: string): Json[] => parseAllDocuments(text).map((each) => each.toJS() as Json);

/** The injector's own template and values, as a default installation has them. */
async function writeInjector(folder: string, apiPort: number): Promise<string[]> {
  const { stdout } = await runIstioctl("manifest", "generate");
  const maps = read(stdout).filter((each) => each?.["kind"] === "ConfigMap");
  const dataOf = (name: string) =>
    maps.find((map) => (map["metadata"] as Json)["name"] === name)?.["data"] as Record<
      string,
      string
    >;
  const { config = "", values = "" } = dataOf("istio-sidecar-injector");
  const files = { inject: config, values, mesh: dataOf("istio")["mesh"] ?? "" };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  // Without a cluster that answers istioctl waits for one.
  const kubeconfig = writeKubeconfig(folder, apiPort);
  return [
    ...["--injectConfigFile", join(folder, "inject"), "--valuesFile", join(folder, "values")],
    ...["--meshConfigFile", join(folder, "mesh"), "--kubeconfig", kubeconfig],
  ];
}

/** Istio's container in the pod that the injector makes of the deployment, and the pod. */
async function inject(deployment: Json): Promise<{ proxy: Container; pod: Pod }> {
  const folder = mkdtempSync(join(tmpdir(), "limen-inject-"));
  const api = await startStubApi([]);
  try {
    const file = join(folder, "deployment.yaml");
    writeFileSync(file, stringify(deployment));
    const { code, stdout, stderr } = await runIstioctl(
      "kube-inject",
      "-f",
      file,
      ...(await writeInjector(folder, api.port)),
    );
    if (code !== 0) throw new Error(stderr);
    const [made] = read(stdout) as { spec: { template: { spec: Pod } } }[];
    const pod = made?.spec.template.spec;
    const all = [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])];
    const proxy = all.find(({ name }) => name === "istio-proxy");
    if (!pod || !proxy) throw new Error("nothing was injected");
    return { proxy, pod };
  } finally {
    await api.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function deploymentWith(options: Partial<IstioOptions>): Json {
  const all = { ...DEFAULT_OPTIONS, ...options };
  const annotations = buildAnnotations(all, overrideName(all.name));
  const containers = [{ name: "app", image: "app" }];
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "shop", namespace: "shop" },
    spec: {
      selector: { matchLabels: { app: "shop" } },
      template: { metadata: { labels: { app: "shop" }, annotations }, spec: { containers } },
    },
  };
}

const mountAt = ({ volumeMounts }: Container, path: string): string | undefined =>
  volumeMounts?.find(({ mountPath }) => mountPath === path)?.name;
const envOf = ({ env }: Container, wanted: string): string | undefined =>
  env?.find(({ name }) => name === wanted)?.value;

describe("Istio's injector", () => {
  itOnIstio(
    "mounts our ConfigMap as the bootstrap's override by the way static-cluster",
    async () => {
      const { proxy, pod } = await inject(deploymentWith({ way: "static-cluster" }));
      const folder = "/etc/istio/custom-bootstrap";
      expect(envOf(proxy, "ISTIO_BOOTSTRAP_OVERRIDE")).toBe(`${folder}/${OVERRIDE_KEY}`);
      const volume = pod.volumes.find(({ name }) => name === mountAt(proxy, folder));
      expect(volume?.["configMap"]).toMatchObject({ name: overrideName("limen") });
    },
  );

  itOnIstio("mounts table and module by the way file", async () => {
    const module = { path: "/opt/limen/limen.wasm" };
    const { proxy, pod } = await inject(deploymentWith({ way: "file", module }));
    const mapAt = (path: string) =>
      pod.volumes.find(({ name }) => name === mountAt(proxy, path))?.["configMap"];
    expect([mapAt("/etc/limen"), mapAt("/opt/limen")]).toEqual([
      { name: "limen-table" },
      { name: "limen-module" },
    ]);
  });

  itOnIstio("gives the control service its certificate as files", async () => {
    const service = buildExamples().find(({ file }) => file === "service.yaml");
    const deployment = service?.documents.find(({ kind }) => kind === "Deployment") ?? {};
    const { proxy, pod } = await inject(deployment);
    expect(envOf(proxy, "OUTPUT_CERTS") ?? envOf(proxy, "PROXY_CONFIG")).toContain(
      CERTIFICATE_FOLDER,
    );
    const own = pod.containers.find(({ name }) => name === "limen");
    const shared = mountAt(proxy, CERTIFICATE_FOLDER);
    expect([shared, own && mountAt(own, CERTIFICATE_FOLDER)]).toEqual([
      "certificates",
      "certificates",
    ]);
  });
});
