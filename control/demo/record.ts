import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { startAccessLogServer } from "../collect/access-log.ts";
import { createHashId } from "../collect/hash-id.ts";
import { readRecord } from "../collect/record.ts";
import { resolveEnvoy } from "../envoy/resolve.ts";
import { LimenError } from "../errors.ts";
import { DecisionSchema } from "../events/decision_pb.ts";
import type { NewEvent } from "../events/log.ts";
import { encodeTable } from "../table/encode.ts";
import { IGNORED_HEADERS } from "../table/ignored.ts";
import { parseModelSpec } from "../table/spec.ts";
import type { Feature, Table } from "../table/table.ts";
import { waitUntil } from "./acts.ts";
import { openClient } from "./client.ts";
import { openClosers, openFolder } from "./folder.ts";
import { openLedger, type Sent } from "./ledger.ts";
import { findFreePort, HOST } from "./ports.ts";
import { startProxy } from "./proxy.ts";
import { openRandom } from "./random.ts";
import type { Screen } from "./screen.ts";
import { CONNECTIONS, sendStretch } from "./sender.ts";
import { checkFilter, MODEL, WASM } from "./stand.ts";
import { formatCount } from "./text.ts";
import { openTraffic, type TrafficMode } from "./traffic/generate.ts";
import { isHeldOut } from "./traffic/slips.ts";
import { startUpstream } from "./upstreams.ts";

export type RecordOptions = {
  file: string;
  seed: number;
  requests: number;
  rate: number;
  mode: TrafficMode;
  botShare: number;
};

const FLUSH_MS = 100;
const DRAIN_MS = 20_000;

/**
 * A table that scores nothing of worth and records every vector: so that training data can be
 * recorded before there is a model.
 */
export function recordingTable(name: string, features: readonly Feature[]): Table {
  return {
    serial: 1,
    audit: 1,
    extra: 0,
    extraWidth: 0,
    candidate: 0,
    vector: 1,
    salt: 0n,
    tokenKey: new Uint8Array(16),
    trustMesh: false,
    token: false,
    record: true,
    features,
    models: [
      {
        name,
        slots: [{ feature: 0, nan: "low" }],
        kernel: { kind: "trees", trees: [{ leaf: [0] }], divisor: 1, accumulator: "f32" },
        base: [0],
        output: "identity",
        class: 0,
        lo: 0,
        hi: 1,
        tags: [{ header: `x-limen-${name}`, value: name }],
        modes: ["shadow"],
        cuts: [[4096]],
      },
    ],
    segments: { of: "path", match: "prefix", names: ["rest"], entries: [] },
    exempt: [],
    ignored: IGNORED_HEADERS,
  };
}

const TRUTH_COLUMNS = ["label", "class", "family", "slips", "held_out", "route"];

function formatRow({ truth }: Sent, vector: Float32Array): string {
  const values = [...vector].map((value) => (Number.isNaN(value) ? "" : String(value)));
  const { bot, class: kind, family, slips, route } = truth;
  const cells = [bot ? 1 : 0, kind, family, slips.join("+"), isHeldOut(slips) ? 1 : 0, route];
  return [...values, ...cells].join(",");
}

/** Rows of a recording, in the order of the requests; throws when one has no vector. */
export function pairVectors(
  sent: readonly Sent[],
  vectors: ReadonlyMap<string, Float32Array>,
  names: readonly string[],
): string {
  const ordered = [...sent].sort((a, b) => a.n - b.n);
  const rows = ordered.map((request) => {
    const vector = vectors.get(request.id);
    if (vector?.length === names.length) return formatRow(request, vector);
    const what = vector ? `${vector.length} features instead of ${names.length}` : "no vector";
    throw new LimenError("internal", `demo --record: a ${request.truth.class} request has ${what}`);
  });
  return `${[[...names, ...TRUTH_COLUMNS].join(","), ...rows].join("\n")}\n`;
}

/** Collects the vectors of an Envoy by request id. */
async function startVectors(): Promise<{
  port: number;
  vectors: Map<string, Float32Array>;
  close: () => Promise<void>;
}> {
  const vectors = new Map<string, Float32Array>();
  const take = (event: NewEvent): void => {
    if (event.topic !== "limen.decisions" || event.value === null) return;
    const { requestId, record } = fromBinary(DecisionSchema, event.value);
    const { vector } = readRecord(record);
    if (vector) vectors.set(requestId, vector);
  };
  const { port, close } = await startAccessLogServer({
    address: `${HOST}:0`,
    hashId: createHashId(new Uint8Array(16)),
    append: async (batch) => {
      for (const event of batch) take(event);
    },
  });
  return { port, vectors, close };
}

/** Sends traffic through a real Envoy and writes what its filter measured, with the truth. */
export async function recordTraffic(
  options: RecordOptions,
  screen: Screen,
  signal: AbortSignal,
): Promise<void> {
  const { file, seed, requests, rate, mode, botShare } = options;
  checkFilter();
  const spec = parseModelSpec(
    join(MODEL, "model.yaml"),
    readFileSync(join(MODEL, "model.yaml"), "utf8"),
  );
  const names = spec.features.map(({ name }) => name);
  const envoy = await resolveEnvoy();
  const closers = openClosers();
  try {
    const folder = openFolder(closers);
    const shop = await startUpstream("shop");
    closers.add(shop.close);
    const { port, vectors, close } = await startVectors();
    closers.add(close);
    const table = encodeTable(recordingTable(spec.name, spec.features));
    const bootstrap = {
      upstreams: [{ name: "shop", address: { host: HOST, port: shop.port } }],
      tagRoutes: [],
      defaultUpstream: "shop",
      filters: [{ name: "limen", vmId: "limen", wasmPath: WASM, table }],
      accessLog: { host: HOST, port },
      accessLogFlushMs: FLUSH_MS,
    };
    const proxy = await startProxy(envoy, folder, await findFreePort(), bootstrap, signal);
    closers.add(proxy.child.stop);
    const client = openClient(proxy.url, CONNECTIONS);
    closers.add(client.close);
    const ledger = openLedger();
    const traffic = {
      client,
      ledger,
      ids: openRandom(-1 - seed),
      draw: openTraffic(seed, mode),
      count: 0,
    };
    const timer = setInterval(() => {
      screen.show([`  ${formatCount(ledger.sent.length)} of ${formatCount(requests)} requests`]);
    }, 1_000);
    closers.add(() => clearInterval(timer));
    await sendStretch(traffic, { phase: mode, requests, mix: { botShare }, rate, signal });
    signal.throwIfAborted();
    await waitUntil(() => vectors.size >= requests, DRAIN_MS, "the last record", signal);
    screen.clear();
    writeFileSync(file, pairVectors(ledger.sent, vectors, names));
    screen.say(`${formatCount(requests)} vectors of ${names.length} features in ${file}`);
  } finally {
    await closers.closeAll();
  }
}
