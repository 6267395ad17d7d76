import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type DecisionRecord, readRecord } from "./host-record.ts";
import { createHost, type Filter, type FilterOptions, type Host } from "./proxy-wasm/host.ts";
import type { Request, Stream } from "./proxy-wasm/stream.ts";

const FILE = join(import.meta.dirname, "../../build/limen.wasm");

/** The bytes of the release build. */
export function readFilterBytes(): Buffer {
  if (!existsSync(FILE)) throw new Error("build/limen.wasm is missing; run: npm run -s build");
  return readFileSync(FILE);
}

let compiled: WebAssembly.Module | undefined;

/** The filter as a module: compiled once, so that filters with one `vmId` share a VM. */
export function filterModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(new Uint8Array(readFilterBytes()));
  return compiled;
}

/** 2026-11-21T12:00:00Z: far from a change of the hour that salts are mixed with. */
const SOME_TIME = 1_795_262_400_000_000_000n;

export type Proxy = { host: Host; filter: Filter };

/** A proxy that runs the filter with a table; without one, with an empty configuration. */
export function startFilter(
  table?: Uint8Array,
  options: Partial<FilterOptions> & { workers?: number; now?: bigint } = {},
): Proxy {
  const { workers = 1, now = SOME_TIME, ...rest } = options;
  const host = createHost({ workers, now });
  const filter = host.addFilter({
    module: filterModule(),
    ...(table === undefined ? {} : { configuration: table }),
    ...rest,
  });
  return { host, filter };
}

export type Decided = {
  stream: Stream;
  /** Undefined when the filter wrote none. */
  record: DecisionRecord | undefined;
};

/** One request from its headers to its end. */
export function decide(filter: Filter, request: Request, worker = 0): Decided {
  const stream = filter.open(request, worker);
  stream.close();
  const bytes = stream.filterState.get("wasm.limen");
  return { stream, record: bytes === undefined ? undefined : readRecord(bytes) };
}

/** The record of a request that must have one. */
export function decideRecorded(filter: Filter, request: Request, worker = 0): DecisionRecord {
  const { record, stream } = decide(filter, request, worker);
  if (record === undefined) throw new Error(`no record; the stream was ${stream.outcome}`);
  return record;
}

/** The vector of a request, under a table that records all of them. */
export function vectorOf(filter: Filter, request: Request): number[] {
  return decideRecorded(filter, request).vector;
}
