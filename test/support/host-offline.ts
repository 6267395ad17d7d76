import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { encodePairs, type Header } from "./proxy-wasm/header-map.ts";

const FILE = join(import.meta.dirname, "../../build/offline.wasm");

export type Scored = { raw: number; score: number; bin: number };

/** The core of the filter without a host: tables and requests go in as bytes. */
export type Offline = {
  /** 0 when the table is accepted and loaded, else its REFUSE_*. */
  check(table: Uint8Array): number;
  /** The vector of a request under the table that was loaded last. */
  features(headers: readonly Header[]): number[];
  /** One entry a model; bin 65535 when the score is not a number. */
  score(vector: readonly number[]): Scored[];
  memoryBytes(): number;
};

type Exports = Record<string, (...parameters: (number | bigint)[]) => number> & {
  memory: WebAssembly.Memory;
};

function loadExports(): Exports {
  if (!existsSync(FILE)) throw new Error("build/offline.wasm is missing; run: npm run -s build");
  const module = new WebAssembly.Module(new Uint8Array(readFileSync(FILE)));
  return new WebAssembly.Instance(module, {}).exports as unknown as Exports;
}

export function openOffline(): Offline {
  const exports = loadExports();
  const bytes = (): Uint8Array => new Uint8Array(exports.memory.buffer);
  const floats = (at: number, count: number): Float32Array =>
    new Float32Array(exports.memory.buffer, at, count);
  const call = (name: string, ...parameters: (number | bigint)[]): number =>
    exports[name]?.(...parameters) ?? Number.NaN;
  return {
    check: (table) => {
      const room = bytes().subarray(call("tableStart"));
      if (table.length > 524288) return call("loadTable", table.length);
      room.set(table);
      return call("loadTable", table.length);
    },
    features: (headers) => {
      const pairs = encodePairs(headers);
      bytes().set(pairs, call("requestStart"));
      call("readPairs", pairs.length);
      call("features", 0n);
      return [...floats(call("vectorAt"), call("featureCount"))];
    },
    score: (vector) => {
      const features = call("featureCount");
      floats(call("vectorAt"), features).set(vector.slice(0, features));
      return Array.from({ length: call("modelCount") }, (_, model) => {
        const isNumber = call("score", model) === 1;
        const [raw, score] = [call("lastRawScore"), call("lastScore")];
        return { raw, score, bin: isNumber ? call("lastBin", model) : 65535 };
      });
    },
    memoryBytes: () => exports.memory.buffer.byteLength,
  };
}
