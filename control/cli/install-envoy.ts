import { type Command, InvalidArgumentError, Option } from "commander";
import type { Address } from "../envoy/bootstrap.ts";
import { writeYaml } from "../envoy/files.ts";
import { LimenError } from "../errors.ts";
import {
  buildEnvoyInstall,
  buildEnvoySecrets,
  type EnvoyInstall,
  type ProxyIdentity,
} from "../install/envoy.ts";
import { checkHeader } from "../install/names.ts";
import { openScorer } from "../table/row-scorer.ts";
import { readFile } from "../table/vectors.ts";
import { addressOption, parseAddress } from "./address.ts";
import { type Format, outputOption } from "./output.ts";
import { resolvePath } from "./paths.ts";

const EXAMPLES = `
Examples:
  limen install envoy --upstream 127.0.0.1:3000 > envoy.yaml      tables by ECDS from 127.0.0.1:18000
  limen install envoy --listen 0.0.0.0:8080 --upstream app:3000 --xds limen:18000 --wasm /opt/limen.wasm
  limen install envoy --upstream 127.0.0.1:3000 --tag x-limen-bot=bot --tagged 127.0.0.1:3001
  limen install envoy --upstream 127.0.0.1:3000 --way file --table /etc/limen/table.yaml
  limen install envoy --upstream 127.0.0.1:3000 --way static --table bot.table
  limen install envoy --upstream app:3000 --xds limen:18000 --certificates /etc/limen/proxy --server-name limen.example > envoy.yaml
  limen install envoy --upstream app:3000 --certificates /etc/limen/proxy --server-name limen.example --secret client

Ways: xds, tables from a control service; file, a watched file as "limen table --ecds" writes it;
static, the bytes of "limen table --out" for good.`;

type Options = {
  listen: Address;
  upstream: Address;
  admin: Address;
  xds: Address;
  way: "xds" | "file" | "static";
  table?: string;
  wasm: string;
  node: string;
  cluster: string;
  tag?: { header: string; value: string };
  tagged?: Address;
  labelHeader?: string;
  certificates?: string;
  serverName?: string;
  secret?: "client" | "server";
  output: Format;
};

function parseTag(text: string): { header: string; value: string } {
  const [, header, value] = /^(x-limen-[a-z0-9-]+)=([\x21-\x7e]+)$/.exec(text) ?? [];
  if (header && value) return { header, value };
  throw new InvalidArgumentError("HEADER=VALUE, like x-limen-bot=bot");
}

function tableOf({ way, table, xds }: Options): EnvoyInstall["table"] {
  if (way === "xds") {
    if (table === undefined) return { way, service: xds };
    throw new LimenError("usage", "--table goes with --way file or static");
  }
  if (table === undefined) throw new LimenError("usage", `--way ${way}: give --table FILE`);
  if (way === "file") return { way, path: table };
  const bytes = readFile(resolvePath(table), table);
  openScorer().load(bytes);
  return { way, bytes };
}

function tlsOf({ certificates, serverName, secret, way }: Options): ProxyIdentity | null {
  if (certificates === undefined && serverName === undefined) {
    if (secret === undefined) return null;
    throw new LimenError("usage", "--secret goes with --certificates and --server-name");
  }
  if (way !== "xds") throw new LimenError("usage", `--certificates: --way ${way} calls nobody`);
  if (certificates !== undefined && serverName !== undefined) {
    return { folder: certificates, serverName };
  }
  const text =
    "--certificates and --server-name go together: whom the proxy is, and whom it trusts";
  throw new LimenError("usage", text);
}

function runInstallEnvoy(options: Options): void {
  const { tag, tagged, node, cluster, labelHeader, way } = options;
  if ((tag === undefined) !== (tagged === undefined)) {
    throw new LimenError("usage", "--tag and --tagged go together: which tag, and where it goes");
  }
  const label = labelHeader ?? (way === "xds" ? "x-limen-label" : null);
  const tls = tlsOf(options);
  const bootstrap = buildEnvoyInstall({
    node: { id: node, cluster },
    admin: options.admin,
    listen: options.listen,
    upstream: options.upstream,
    tagged: tag && tagged ? { ...tag, upstream: tagged } : null,
    wasm: options.wasm,
    labelHeader: label === null ? null : checkHeader("--label-header", label),
    table: tableOf(options),
    tls,
  });
  const value = tls && options.secret ? buildEnvoySecrets(tls)[options.secret] : bootstrap;
  const isJson = options.output === "json";
  process.stdout.write(isJson ? `${JSON.stringify(value, null, 2)}\n` : writeYaml(value));
}

/** `limen install envoy`. */
export function addInstallEnvoy(install: Command): void {
  const at = (port: number): Address => ({ host: "127.0.0.1", port });
  install
    .command("envoy")
    .description("a whole bootstrap for a plain Envoy")
    .requiredOption("--upstream <host:port>", "the application", parseAddress)
    .addOption(addressOption("--listen", "where Envoy listens", at(10_000)))
    .addOption(addressOption("--xds", "the control service", at(18_000)))
    .addOption(addressOption("--admin", "Envoy's admin interface", at(9_901)))
    .addOption(
      new Option("--way <way>", "where tables come from")
        .choices(["xds", "file", "static"])
        .default("xds"),
    )
    .option("--table <file>", "with --way file or static")
    .option("--wasm <path>", "the built filter, as the proxy sees it", "build/limen.wasm")
    .option("--node <id>", "how the proxy names itself", "proxy-1")
    .option("--cluster <name>", "the workload it belongs to", "proxies")
    .option("--tag <header=value>", "a tag that is routed elsewhere", parseTag)
    .option("--tagged <host:port>", "where requests with --tag go", parseAddress)
    .option("--label-header <name>", "response header that carries labels (way xds: x-limen-label)")
    .option(
      "--certificates <folder>",
      "the proxy's certificate.pem, key.pem and ca.pem: mutual TLS",
    )
    .option("--server-name <name>", "DNS name or SPIFFE id in the service's certificate")
    .addOption(
      new Option(
        "--secret <which>",
        "print limen-client.yaml or limen-server.yaml, which belong into that folder",
      ).choices(["client", "server"]),
    )
    .addOption(outputOption(["yaml", "json"], "yaml"))
    .addHelpText("after", EXAMPLES)
    .action(runInstallEnvoy);
}
