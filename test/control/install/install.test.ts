import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { main } from "../../../control/cli/main.ts";
import { checkDnsLabel, parseLabels } from "../../../control/install/names.ts";

const said = { out: "", err: "" };
beforeEach(() => {
  Object.assign(said, { out: "", err: "" });
  vi.spyOn(process.stdout, "write").mockImplementation((part) => {
    said.out += part;
    return true;
  });
  vi.spyOn(console, "error").mockImplementation((line) => {
    said.err += `${line}\n`;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function install(...args: string[]) {
  const code = await main(["install", ...args]);
  return { code, out: said.out, err: said.err.trim() };
}

type Item = { kind: string; metadata: { namespace: string }; spec: Record<string, never> };

describe("limen install istio", () => {
  it("prints objects of Kubernetes only, in the namespace asked for", async () => {
    const { out } = await install("istio", "-n", "shop", "--workload", "app=shop");
    const items = parseAllDocuments(out).map((each) => each.toJS() as Item);
    expect(items.map(({ kind, metadata }) => [kind, metadata.namespace])).toEqual([
      ["EnvoyFilter", "shop"],
      ["Telemetry", "shop"],
    ]);
  });

  it("says which mesh configuration is needed besides, on standard error", async () => {
    const { err } = await install("istio");
    expect(err).toContain("limen install istio --mesh-config");
  });

  it("prints that mesh configuration alone when asked", async () => {
    const { out } = await install("istio", "--mesh-config", "-o", "json");
    expect(Object.keys(JSON.parse(out))).toEqual(["meshConfig"]);
  });

  it("prints one list as JSON", async () => {
    const { out } = await install("istio", "-o", "json");
    const { kind, items } = JSON.parse(out) as { kind: string; items: Item[] };
    expect([kind, items.map((each) => each.kind)]).toEqual(["List", ["EnvoyFilter", "Telemetry"]]);
  });

  it("names the service it is given", async () => {
    const { out } = await install("istio", "--service", "tables.example:9000");
    expect(out).toContain("target_uri: tables.example:9000");
  });

  it("leaves the taker of labels out when told so", async () => {
    expect((await install("istio")).out).toContain("x-limen-label");
    said.out = "";
    expect((await install("istio", "--no-label-header")).out).not.toContain("x-limen-label");
  });

  const refused: readonly [string, string[], RegExp][] = [
    ["a namespace that is no DNS label", ["-n", "Shop_1"], /--namespace "Shop_1" is no DNS label/],
    ["a name that is none", ["--name", "a.b"], /--name "a\.b" is no DNS label/],
    ["a label without a value", ["--workload", "shop"], /"shop" is no label; give KEY=VALUE/],
    ["a service without a port", ["--service", "limen"], /HOST:PORT/],
    ["a module by a relative path", ["--module", "limen.wasm"], /path in the proxy/],
    ["a header that is none", ["--label-header", "a b"], /no header name/],
    ["an unknown way", ["--way", "pigeon"], /google-grpc, static-cluster/],
    [
      "mesh configuration of a way without",
      ["--way", "file", "--module", "/l", "--mesh-config"],
      /needs none/,
    ],
  ];
  it.each(refused)("refuses %s in one line with exit code 2", async (_, args, text) => {
    const { code, out, err } = await install("istio", ...args);
    expect([code, out, err.split("\n").length]).toEqual([2, "", 1]);
    expect(err).toMatch(text);
  });
});

describe("checkDnsLabel", () => {
  it("takes 63 letters and refuses 64", () => {
    expect(checkDnsLabel("name", "a".repeat(63))).toHaveLength(63);
    expect(() => checkDnsLabel("name", "a".repeat(64))).toThrow("no DNS label");
  });

  it.each(["", "-a", "a-", "A", "a_b", "a.b", "ä"])('refuses "%s"', (text) => {
    expect(() => checkDnsLabel("name", text)).toThrow("no DNS label");
  });
});

describe("parseLabels", () => {
  it("reads several, with a prefix and an empty value", () => {
    expect(parseLabels("w", "app.kubernetes.io/name=shop, canary=")).toEqual({
      "app.kubernetes.io/name": "shop",
      canary: "",
    });
  });

  it.each(["=a", "a=b=c", "a b=c", "a=-b"])('refuses "%s"', (text) => {
    expect(() => parseLabels("w", text)).toThrow("is no label");
  });
});

const UPSTREAM = ["--upstream", "127.0.0.1:3000"];
const MUTUAL = ["--certificates", "/e", "--server-name", "limen.a"];

describe("limen install envoy", () => {
  it("prints a bootstrap with the addresses it is given", async () => {
    const { out } = await install("envoy", ...UPSTREAM, "--listen", "0.0.0.0:8080", "--xds", "c:9");
    const { static_resources: all } = parse(out);
    const socket = { socket_address: { address: "0.0.0.0", port_value: 8080 } };
    expect(all.listeners[0].address).toEqual(socket);
    const places = all.clusters.map((one: { name: string; load_assignment: object }) => [
      one.name,
      /"address":"([^"]+)","port_value":(\d+)/.exec(JSON.stringify(one.load_assignment))?.slice(1),
    ]);
    expect(Object.fromEntries(places)).toEqual({
      app: ["127.0.0.1", "3000"],
      limen_xds: ["c", "9"],
      limen_als: ["c", "9"],
    });
  });

  it("prints the same as JSON", async () => {
    const yaml = (await install("envoy", ...UPSTREAM)).out;
    said.out = "";
    expect(JSON.parse((await install("envoy", ...UPSTREAM, "-o", "json")).out)).toEqual(
      parse(yaml),
    );
  });

  it("has no cluster of control with a table in a file", async () => {
    const { out } = await install("envoy", ...UPSTREAM, "--way", "file", "--table", "/e/t.yaml");
    const names = parse(out).static_resources.clusters.map((one: { name: string }) => one.name);
    expect([names, out.includes("access_log")]).toEqual([["app"], false]);
  });

  it("shows a certificate to the service and checks its name, by files that may change", async () => {
    const { out } = await install("envoy", ...UPSTREAM, ...MUTUAL);
    const { clusters } = parse(out).static_resources;
    const paths = clusters.map((one: object) => [
      ...new Set(JSON.stringify(one).match(/\/e\/limen-\w+\.yaml/g) ?? []),
    ]);
    const both = ["/e/limen-client.yaml", "/e/limen-server.yaml"];
    expect(paths).toEqual([[], both, both]);
  });

  it("prints the two files of secrets that the bootstrap names", async () => {
    const client = (await install("envoy", ...UPSTREAM, ...MUTUAL, "--secret", "client")).out;
    said.out = "";
    const server = (await install("envoy", ...UPSTREAM, ...MUTUAL, "--secret", "server")).out;
    const [own, its] = [parse(client).resources[0], parse(server).resources[0]];
    expect(own.tls_certificate.private_key.filename).toBe("/e/key.pem");
    expect(its.validation_context.match_typed_subject_alt_names[0].matcher.exact).toBe("limen.a");
  });

  const refused: readonly [string, string[], RegExp][] = [
    ["a certificate without a name to check", [...UPSTREAM, ...MUTUAL.slice(0, 2)], /go together/],
    ["a secret without a certificate", [...UPSTREAM, "--secret", "client"], /--secret goes with/],
    [
      "a certificate nobody is shown",
      [...UPSTREAM, ...MUTUAL, "--way", "file", "--table", "/t"],
      /--way file calls nobody/,
    ],
    ["no upstream", [], /--upstream/],
    ["a way without its table", [...UPSTREAM, "--way", "static"], /--way static: give --table/],
    ["a table nobody reads", [...UPSTREAM, "--table", "t"], /--table goes with --way/],
    ["a tag without its place", [...UPSTREAM, "--tag", "x-limen-bot=bot"], /--tag and --tagged/],
    ["a tag that is none", [...UPSTREAM, "--tag", "bot"], /HEADER=VALUE/],
    [
      "labels that nobody collects",
      [...UPSTREAM, "--way", "file", "--table", "/t", "--label-header", "x-l"],
      /nobody collects labels/,
    ],
  ];
  it.each(refused)("refuses %s in one line with exit code 2", async (_, args, text) => {
    const { code, out, err } = await install("envoy", ...args);
    expect([code, out, err.split("\n").length]).toEqual([2, "", 1]);
    expect(err).toMatch(text);
  });
});

type Topics = { topics: { name: string; partitions: number; replication: number }[] };

describe("limen install kafka", () => {
  it("gives decisions, labels and counts the partitions asked for, the others one", async () => {
    const { out } = await install("kafka", "--partitions", "7", "-o", "json");
    const { topics } = JSON.parse(out) as Topics;
    expect(Object.fromEntries(topics.map(({ name, partitions }) => [name, partitions]))).toEqual({
      "limen.decisions": 7,
      "limen.labels": 7,
      "limen.counts": 7,
      "limen.tables": 1,
      "limen.commands": 1,
      "limen.rejected": 1,
    });
  });

  it("prints a command for each topic and broker list", async () => {
    const { out } = await install("kafka", "--brokers", "b1:9092,b2:9092", "--prefix", "eu.");
    const made = out.match(/kafka-topics\.sh --bootstrap-server b1:9092,b2:9092 .*--topic eu\./g);
    expect(made).toHaveLength(6);
  });

  it("waits for all copies but one", async () => {
    const { out } = await install("kafka", "--replication", "3", "-o", "yaml");
    expect(parse(out).topics[0].config["min.insync.replicas"]).toBe("2");
  });

  const refused: readonly [string, string[], RegExp][] = [
    ["no partitions", ["--partitions", "0"], /whole number/],
    ["more than 1,000", ["--partitions", "1001"], /give 1 to 1000/],
    ["more copies to wait for than there are", ["--min-insync", "2"], /nothing could be appended/],
    ["brokers without ports", ["--brokers", "b1"], /HOST:PORT,HOST:PORT/],
    ["a prefix that Kafka refuses", ["--prefix", "a/b"], /letters, digits/],
  ];
  it.each(refused)("refuses %s in one line with exit code 2", async (_, args, text) => {
    const { code, out, err } = await install("kafka", ...args);
    expect([code, out, err.split("\n").length]).toEqual([2, "", 1]);
    expect(err).toMatch(text);
  });
});
