import { type Command, Option } from "commander";
import type { Address } from "../envoy/bootstrap.ts";
import type { Json } from "../envoy/json.ts";
import { LimenError } from "../errors.ts";
import { buildIstioManifests, renderManifest } from "../install/istio.ts";
import {
  DEFAULT_OPTIONS,
  type IstioIdentity,
  type IstioOptions,
  type IstioUse,
  type IstioWay,
  type Manifest,
} from "../install/istio-options.ts";
import { checkAbsolute, checkDnsLabel, checkHeader, parseLabels } from "../install/names.ts";
import { readFile } from "../table/vectors.ts";
import { addressOption } from "./address.ts";
import { type Format, outputOption } from "./output.ts";
import { resolvePath } from "./paths.ts";

const WAYS: readonly IstioWay[] = [
  "google-grpc",
  "static-cluster",
  "access-log-cluster",
  "istiod",
  "file",
];
const USES: readonly IstioUse[] = ["gateway", "inbound", "outbound"];
const MESH_FILE = "mesh-config.yaml";
const EXAMPLES = `
Examples:
  limen install istio | kubectl apply -f -                        at the ingress gateway
  limen install istio -n shop --workload app=shop --use inbound   at a workload's sidecar
  limen install istio --way static-cluster --identity mesh        with the mesh's own certificates
  limen install istio --mesh-config > values.yaml                 what the mesh configuration needs

What the objects need beside them (annotations, a restart) stands in comments at their head.`;

type Options = {
  namespace: string;
  name: string;
  workload: string;
  use: readonly IstioUse[];
  way: IstioWay;
  service: Address;
  controlNamespace: string;
  module?: string;
  table?: string;
  identity: IstioIdentity["kind"];
  certificates: string;
  account: string;
  trustDomain: string;
  labelHeader: string | false;
  trust: "nobody" | "mesh";
  meshConfig?: boolean;
  output: Format;
};

function identityOf(options: Options): IstioIdentity {
  const { identity: kind, account, trustDomain, certificates } = options;
  if (kind === "mesh") {
    return { kind, account: checkDnsLabel("--account", account), trustDomain };
  }
  if (kind === "files") return { kind, folder: checkAbsolute("--certificates", certificates) };
  return { kind };
}

/** The options of the generator; a word that is no name is refused with what to do. */
function readIstioOptions(options: Options): Partial<IstioOptions> {
  const { labelHeader, module, table } = options;
  return {
    name: checkDnsLabel("--name", options.name),
    namespace: checkDnsLabel("--namespace", options.namespace),
    workload: parseLabels("--workload", options.workload),
    uses: options.use,
    way: options.way,
    service: options.service,
    controlNamespace: checkDnsLabel("--control-namespace", options.controlNamespace),
    module: module === undefined ? "pushed" : { path: checkAbsolute("--module", module) },
    identity: identityOf(options),
    trust: options.trust,
    ...(table !== undefined && { table: readFile(resolvePath(table), table) }),
    // The generator's own default is another header than none.
    ...(labelHeader === false
      ? { labelHeader: undefined as never }
      : { labelHeader: checkHeader("--label-header", labelHeader) }),
  };
}

/** One list for programs, documents with comments for people; `kubectl apply` takes both. */
function writeManifests(manifests: readonly Manifest[], format: Format): string {
  if (format === "yaml") return manifests.map(renderManifest).join("---\n");
  const items: readonly Json[] = manifests.flatMap(({ documents }) => documents);
  return `${JSON.stringify({ apiVersion: "v1", kind: "List", items }, null, 2)}\n`;
}

function runInstallIstio(options: Options): void {
  const all = buildIstioManifests(readIstioOptions(options));
  const mesh = all.find(({ file }) => file === MESH_FILE);
  if (options.meshConfig) {
    if (!mesh) {
      throw new LimenError(
        "usage",
        `--mesh-config: the way ${options.way} needs none; leave it out`,
      );
    }
    const [values = {}] = mesh.documents;
    const isJson = options.output === "json";
    process.stdout.write(isJson ? `${JSON.stringify(values, null, 2)}\n` : renderManifest(mesh));
    return;
  }
  process.stdout.write(
    writeManifests(
      all.filter((each) => each !== mesh),
      options.output,
    ),
  );
  if (mesh) {
    console.error(
      'also needed, once a mesh: "limen install istio --mesh-config", values of istiod',
    );
  }
}

/** `limen install istio`. */
export function addInstallIstio(install: Command): void {
  const preset = DEFAULT_OPTIONS;
  install
    .command("istio")
    .description("objects for a gateway or a workload in an Istio mesh")
    .option("-n, --namespace <name>", "of the workload", preset.namespace)
    .option("--name <name>", "of the objects", preset.name)
    .option("--workload <labels>", "labels that choose it", "istio=ingressgateway")
    .addOption(
      new Option("--use <use...>", "which traffic of it").choices(USES).default(preset.uses),
    )
    .addOption(new Option("--way <way>", "how tables come").choices(WAYS).default(preset.way))
    .addOption(addressOption("--service", "the control service", preset.service))
    .option("--control-namespace <name>", "of the control service", preset.controlNamespace)
    .option(
      "--module <path>",
      "the built filter in the proxy; needed with --way istiod or file, else it comes with each push",
    )
    .option("--table <file>", "with --way istiod or file: the table, as limen table --out")
    .addOption(
      new Option("--identity <kind>", "who proves to whom")
        .choices(["plaintext", "mesh", "files"])
        .default("plaintext"),
    )
    .option("--certificates <folder>", "with --identity files, in the proxy", "/etc/limen-certs")
    .option("--account <name>", "with --identity mesh: the service's account", "limen")
    .option("--trust-domain <name>", "with --identity mesh", "cluster.local")
    .option("--label-header <name>", "response header that carries labels", preset.labelHeader)
    .option("--no-label-header", "take no labels from responses")
    .addOption(
      new Option("--trust <whom>", "whose tags are believed")
        .choices(["nobody", "mesh"])
        .default(preset.trust),
    )
    .option("--mesh-config", "print what the mesh configuration needs, and nothing else")
    .addOption(outputOption(["yaml", "json"], "yaml"))
    .addHelpText("after", EXAMPLES)
    .action(runInstallIstio);
}
