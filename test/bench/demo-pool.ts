/** Bins of the demo's own traffic, before and after its release, by the filter's own scorer. */
import { join } from "node:path";
import { openTraffic } from "../../control/demo/traffic/generate.ts";
import { createScorer } from "../../control/scorer.ts";
import { compileFiles, readModelFiles } from "../../control/table/load-model.ts";
import { keyOfPool, PHASES, type Pool } from "./breaker.ts";

const MODEL = join(import.meta.dirname, "../../models/bot");
const BOT_SHARE = 0.1;

/** `size` requests a phase, scored by `models/bot`: the vectors are those that Envoy records. */
export async function drawDemoPool(seed: number, size: number): Promise<Pool> {
  const { table } = await compileFiles(readModelFiles(MODEL));
  const scorer = createScorer();
  if (scorer.load(table) !== 0) throw new Error("the filter refuses models/bot");
  const pool = new Map<string, number[]>();
  for (const phase of PHASES) {
    const draw = openTraffic(seed, "live");
    for (let count = 0; count < size; count++) {
      const { method, path, authority, headers, truth } = draw({
        botShare: BOT_SHARE,
        isReleased: phase === "after",
      });
      const request = { method, path, authority, headers: Object.entries(headers) };
      const { bin } = scorer.score(0, scorer.features(request));
      const key = keyOfPool(truth.class, truth.route, phase);
      const bins = pool.get(key) ?? [];
      bins.push(bin);
      pool.set(key, bins);
    }
  }
  return pool;
}
