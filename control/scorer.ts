import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HEADER_BYTES_MAX, TABLE_BYTES_MAX } from "../models/limits.ts";
import { SOURCE_ADDRESS, SOURCE_MTLS } from "../models/measures.ts";
import * as refusals from "../models/refusals.ts";
import { LimenError } from "./errors.ts";
import { explainBuild, INSTALLATION } from "./installation.ts";

/** A header or a value of it: text is sent as Latin-1, one byte a character. */
export type HeaderBytes = string | Uint8Array;

export type ScorerRequest = {
  method: string;
  /** The whole target, with its query. */
  path: string;
  authority?: string;
  headers: readonly (readonly [name: HeaderBytes, value: HeaderBytes])[];
  /** Nanoseconds since 1970; without it, what the clock gives is missing. */
  now?: bigint;
  /** What Envoy says of the connection, when the table asks for it. */
  sourceAddress?: string;
  mtls?: boolean;
};

export type DecideOptions = {
  /** Configure time of the VM and number of the record: arms are drawn from them. */
  vm?: bigint;
  seq?: number;
  now?: bigint;
  /** Sent as x-request-id. */
  requestId?: string;
};

export type ScoredDecision = {
  /** As in filter state: models/record-layout.ts. Undefined without a table. */
  record: Uint8Array | undefined;
  /** As in the header x-limen-decision. */
  token: string;
  tags: [header: string, value: string][];
  /** Names of the reserved headers that are removed. */
  forged: string[];
};

/** The filter's own core as a value: one table at a time, no state from call to call but that. */
export type Scorer = {
  /** 0 when the table is taken, else a REFUSE_* of models/refusals.ts; the old one stays then. */
  load: (table: Uint8Array) => number;
  /** The vector of a request; missing is NaN. */
  features: (request: ScorerRequest) => Float32Array;
  /** Scores a vector in feature order; a score that is no number has bin -1. */
  score: (model: number, vector: ArrayLike<number>) => { raw: number; score: number; bin: number };
  decide: (request: ScorerRequest, options?: DecideOptions) => ScoredDecision;
  /** SipHash-2-4 under a 16-byte key. */
  sipHash: (key: Uint8Array, bytes: Uint8Array) => bigint;
  /** x86, 32 bit, seed 0. */
  murmur3: (bytes: Uint8Array) => number;
  /** The bytes of a token, MAC included, when the key made its MAC; else undefined. */
  readToken: (key: Uint8Array, text: string) => Uint8Array | undefined;
};

/** Exports of build/offline.wasm; drawn in filter/offline.ts. Addresses are byte offsets. */
type Core = {
  memory: WebAssembly.Memory;
  tableStart: () => number;
  requestStart: () => number;
  requestLength: () => number;
  propertyStart: () => number;
  vectorAt: () => number;
  recordAt: () => number;
  tokenAt: () => number;
  loadTable: (length: number) => number;
  featureCount: () => number;
  modelCount: () => number;
  readPairs: (length: number) => number;
  setProperty: (kind: number, at: number, length: number) => void;
  features: (now: bigint) => number;
  score: (model: number) => number;
  lastRawScore: () => number;
  lastScore: () => number;
  lastBin: (model: number) => number;
  decide: (trouble: number, vm: bigint, seq: number, now: bigint) => number;
  token: () => number;
  tagAt: (model: number, part: number) => number;
  tagLength: (model: number, part: number) => number;
  startForgedNames: () => void;
  nextForgedName: () => number;
  forgedAt: () => number;
  forgedLength: () => number;
  sipHash: (key0: bigint, key1: bigint, length: number) => bigint;
  murmur3: (length: number) => number;
};

const FILE = join(INSTALLATION.root, "build", "offline.wasm");
const MAC_BYTES = 8;
const PROPERTY_BYTES = 256;

let compiled: WebAssembly.Module | undefined;

function compileCore(): WebAssembly.Module {
  if (compiled) return compiled;
  if (!existsSync(FILE)) {
    throw new LimenError("missing", `${FILE}: is not there; ${explainBuild(INSTALLATION)}`);
  }
  compiled = new WebAssembly.Module(new Uint8Array(readFileSync(FILE)));
  return compiled;
}

const toBytes = (text: HeaderBytes): Uint8Array =>
  typeof text === "string" ? Buffer.from(text, "latin1") : text;

/** Header pairs as a proxy gives them, pseudo headers first: filter/request.ts draws the bytes. */
function encodePairs(request: ScorerRequest, requestId: string | undefined): Buffer {
  const pairs = [
    [":method", request.method],
    [":path", request.path],
    ...(request.authority === undefined ? [] : [[":authority", request.authority]]),
    ...(requestId === undefined ? [] : [["x-request-id", requestId]]),
    ...request.headers,
  ].map((pair) => pair.map((part) => toBytes(part ?? "")));
  const head = Buffer.alloc(4 + 8 * pairs.length);
  head.writeUInt32LE(pairs.length);
  const parts: Uint8Array[] = [head];
  pairs.forEach(([name = head, value = head], index) => {
    head.writeUInt32LE(name.length, 4 + 8 * index);
    head.writeUInt32LE(value.length, 8 + 8 * index);
    parts.push(name, Buffer.alloc(1), value, Buffer.alloc(1));
  });
  return Buffer.concat(parts);
}

type Memory = {
  write: (at: number, bytes: Uint8Array) => void;
  read: (at: number, length: number) => Uint8Array;
  text: (at: number, length: number) => string;
};

/** The memory never grows, so a view of it stays valid. */
function openMemory(core: Core): Memory {
  const bytes = new Uint8Array(core.memory.buffer);
  const read = (at: number, length: number): Uint8Array => bytes.slice(at, at + length);
  return {
    write: (at, from) => bytes.set(from, at),
    read,
    text: (at, length) => Buffer.from(read(at, length)).toString("latin1"),
  };
}

/** Writes a request where the core reads it; its REASON_*. */
function giveRequest(
  core: Core,
  memory: Memory,
  request: ScorerRequest,
  requestId?: string,
): number {
  const pairs = encodePairs(request, requestId);
  if (pairs.length > core.requestLength()) {
    throw new LimenError(
      "input",
      `request: ${pairs.length} bytes of headers are above the ${HEADER_BYTES_MAX} a proxy takes`,
    );
  }
  memory.write(core.requestStart(), pairs);
  const trouble = core.readPairs(pairs.length);
  const properties: [number, string | undefined][] = [
    [SOURCE_ADDRESS, request.sourceAddress],
    [SOURCE_MTLS, request.mtls?.toString()],
  ];
  let at = core.propertyStart();
  for (const [kind, value] of properties) {
    if (value === undefined) continue;
    const bytes = toBytes(value).subarray(0, PROPERTY_BYTES / 2);
    memory.write(at, bytes);
    core.setProperty(kind, at, bytes.length);
    at += PROPERTY_BYTES / 2;
  }
  return trouble;
}

function listTags(core: Core, memory: Memory): [string, string][] {
  return Array.from({ length: core.modelCount() }, (_, model) => model)
    .filter((model) => core.tagAt(model, 0) !== 0)
    .map((model) => [
      memory.text(core.tagAt(model, 0), core.tagLength(model, 0)),
      memory.text(core.tagAt(model, 1), core.tagLength(model, 1)),
    ]);
}

function listForged(core: Core, memory: Memory): string[] {
  const names: string[] = [];
  core.startForgedNames();
  while (core.nextForgedName() !== 0) {
    names.push(memory.text(core.forgedAt(), core.forgedLength()));
  }
  return names;
}

function decideOffline(
  core: Core,
  memory: Memory,
  request: ScorerRequest,
  options: DecideOptions,
): ScoredDecision {
  const trouble = giveRequest(core, memory, request, options.requestId);
  const now = options.now ?? request.now ?? 0n;
  const length = core.decide(trouble, options.vm ?? 0n, options.seq ?? 0, now);
  return {
    record: length === 0 ? undefined : memory.read(core.recordAt(), length),
    tags: length === 0 ? [] : listTags(core, memory),
    forged: listForged(core, memory),
    token: memory.text(core.tokenAt(), core.token()),
  };
}

/** A refusal in words: the name of its constant. */
export function explainRefusal(code: number): string {
  const name = Object.entries(refusals).find(([, value]) => value === code)?.[0];
  if (name === undefined) return `refusal ${code}`;
  return name.replace("REFUSE_", "").toLowerCase().replaceAll("_", " ");
}

/** A core of its own, without a table. */
export function createScorer(): Scorer {
  const core = new WebAssembly.Instance(compileCore()).exports as unknown as Core;
  const memory = openMemory(core);
  const giveBytes = (bytes: Uint8Array): void => {
    if (bytes.length > core.requestLength()) {
      throw new LimenError("input", `hash: ${bytes.length} bytes are more than one call takes`);
    }
    memory.write(core.requestStart(), bytes);
  };
  const hash = (key: Uint8Array, bytes: Uint8Array): bigint => {
    const keys = Buffer.from(key);
    giveBytes(bytes);
    const [key0, key1] = [keys.readBigInt64LE(0), keys.readBigInt64LE(8)];
    return BigInt.asUintN(64, core.sipHash(key0, key1, bytes.length));
  };
  return {
    load(table) {
      if (table.length > TABLE_BYTES_MAX) return refusals.REFUSE_LENGTH;
      memory.write(core.tableStart(), table);
      return core.loadTable(table.length);
    },
    features(request) {
      giveRequest(core, memory, request);
      core.features(request.now ?? 0n);
      return new Float32Array(memory.read(core.vectorAt(), 4 * core.featureCount()).buffer);
    },
    score(model, vector) {
      const values = Float32Array.from(vector).subarray(0, core.featureCount());
      memory.write(core.vectorAt(), new Uint8Array(values.buffer, 0, values.byteLength));
      const isNumber = core.score(model) !== 0;
      return {
        raw: core.lastRawScore(),
        score: core.lastScore(),
        bin: isNumber ? core.lastBin(model) : -1,
      };
    },
    decide: (request, options = {}) => decideOffline(core, memory, request, options),
    sipHash: hash,
    murmur3(bytes) {
      giveBytes(bytes);
      return core.murmur3(bytes.length) >>> 0;
    },
    readToken(key, text) {
      const bytes = Buffer.from(text, "base64url");
      const end = bytes.length - MAC_BYTES;
      if (end < 0 || bytes.toString("base64url") !== text) return undefined;
      return hash(key, bytes.subarray(0, end)) === bytes.readBigUInt64LE(end) ? bytes : undefined;
    },
  };
}
