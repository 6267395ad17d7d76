/** The policies that are compared on one stream, and what each of them costs. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { LoadedModel } from "../../control/desired.ts";
import { boundOnce, lowerBoundOnce } from "../../control/learn/certify/clopper-pearson.ts";
import { binOfScore } from "../../control/table/score-scale.ts";
import { BINS, CUT_NONE } from "../../models/limits.ts";
import type { Request, Stream } from "./streams-data.ts";
import { type OurRun, replayOurs, type Stretch, WINDOW_MS } from "./streams-ours.ts";

export const MISS_COST = 10;
const RATE = 0.01;
/** One-sided risk of each end of an interval of 95%. */
const TAIL = 0.025;

export type Measured = {
  negatives: number;
  positives: number;
  fpr: number;
  recall: number;
  /** A false positive costs 1, a miss MISS_COST; per 1,000 requests. */
  cost: number;
  /** 95%, Clopper-Pearson: requests taken as independent, which bursts are not. */
  fprRange: [number, number];
  recallRange: [number, number];
};

export type Outcome = {
  whole: Measured;
  before: Measured;
  after: Measured;
  /** Some cut tagged more than the rate of the negatives while it was live; before the change. */
  violates: boolean;
  violatesBefore: boolean;
  labelsUsed: number;
  run: OurRun | null;
};

/** A policy of one stream: its outcome by seed, one where no seed matters; or why it was skipped. */
export type Policy = { name: string; outcomes: Outcome[]; skipped?: string };

const rangeOf = (k: number, n: number): [number, number] => [
  lowerBoundOnce(k, n, TAIL),
  boundOnce(k, n, TAIL),
];

function measure(requests: readonly Request[], tagged: Uint8Array, from: number, to: number) {
  const counts = { fp: 0, tp: 0, negatives: 0, positives: 0 };
  for (let place = from; place < to; place++) {
    const isTagged = tagged[place] ?? 0;
    if (requests[place]?.isAttack) {
      counts.positives++;
      counts.tp += isTagged;
    } else {
      counts.negatives++;
      counts.fp += isTagged;
    }
  }
  const { fp, tp, negatives, positives } = counts;
  const measured: Measured = {
    ...{ negatives, positives },
    fpr: fp / negatives,
    recall: tp / positives,
    cost: (1_000 * (fp + MISS_COST * (positives - tp))) / (to - from),
    fprRange: rangeOf(fp, negatives),
    recallRange: rangeOf(tp, positives),
  };
  return measured;
}

/** Share of the negatives of a stretch that its cut tags, by truth, audit slice included. */
function exceeds(requests: readonly Request[], { from, to, cut }: Stretch): boolean {
  if (cut >= CUT_NONE) return false;
  const negatives = requests.slice(from, to).filter(({ isAttack }) => !isAttack);
  return negatives.filter(({ bin }) => bin >= cut).length > RATE * negatives.length;
}

function judge(
  { requests, changeAt }: Stream,
  tagged: Uint8Array,
  stretches: readonly Stretch[],
  labelsUsed: number,
  run: OurRun | null = null,
): Outcome {
  const change = requests.findIndex(({ at }) => at >= changeAt);
  const early = stretches
    .filter(({ from }) => from < change)
    .map((stretch) => ({ ...stretch, to: Math.min(stretch.to, change) }));
  return {
    whole: measure(requests, tagged, 0, requests.length),
    before: measure(requests, tagged, 0, change),
    after: measure(requests, tagged, change, requests.length),
    violates: stretches.some((stretch) => exceeds(requests, stretch)),
    violatesBefore: early.some((stretch) => exceeds(requests, stretch)),
    ...{ labelsUsed, run },
  };
}

/** One cut from a request on. */
function judgeCut(stream: Stream, cut: number, from: number, labelsUsed: number): Outcome {
  const { requests } = stream;
  const tagged = Uint8Array.from(requests, ({ bin }, place) => Number(place >= from && bin >= cut));
  return judge(stream, tagged, [{ from, to: requests.length, cut }], labelsUsed);
}

/** The cut of least cost over all requests, all labels known at once. */
function findCheapest(requests: readonly Request[]): number {
  const change = new Float64Array(BINS);
  for (const { bin, isAttack } of requests) {
    change[bin] = (change[bin] ?? 0) + (isAttack ? -MISS_COST : 1);
  }
  let [cost, least, cut] = [0, 0, CUT_NONE];
  for (let bin = BINS - 1; bin >= 0; bin--) {
    cost += change[bin] ?? 0;
    if (cost < least) [least, cut] = [cost, bin];
  }
  return cut;
}

type Tuned = { threshold: number; version: string };

/** scikit-learn's threshold for labels that had come by a time; null when it is not there. */
function tuneThreshold(requests: readonly Request[]): Tuned | null {
  const given = {
    scores: requests.map(({ score }) => score),
    labels: requests.map(({ label }) => Number(label?.isAttack)),
    miss: MISS_COST,
  };
  const python = process.env["PYTHON"] ?? "python3";
  const script = join(import.meta.dirname, "streams-tuned.py");
  const options = { input: JSON.stringify(given), encoding: "utf8", timeout: 120_000 } as const;
  const { status, stdout } = spawnSync(python, [script], options);
  return status === 0 ? (JSON.parse(stdout) as Tuned) : null;
}

/** Tuned once, after one W, on what was labelled by then. */
function tunePolicy(stream: Stream, model: LoadedModel): Policy {
  const name = "scikit-learn tuned threshold, once at 24 h";
  const known = stream.requests.filter(({ label }) => label !== null && label.at <= WINDOW_MS);
  const tuned = tuneThreshold(known);
  if (!tuned) return { name, outcomes: [], skipped: "scikit-learn is not there" };
  const from = stream.requests.findIndex(({ at }) => at >= WINDOW_MS);
  const cut = binOfScore(model.score, tuned.threshold);
  return {
    name: `${name} (${tuned.version})`,
    outcomes: [judgeCut(stream, cut, from, known.length)],
  };
}

/** All policies of a stream, on the same requests. */
export function runPolicies(
  stream: Stream,
  model: LoadedModel,
  seeds: readonly number[],
): Policy[] {
  const { requests } = stream;
  const half = binOfScore(model.score, 0.5);
  const best = findCheapest(requests);
  const ours = seeds.map((seed) => {
    const run = replayOurs(stream, model, seed);
    return judge(stream, run.tagged, run.stretches, run.labelsUsed, run);
  });
  return [
    { name: "tag nothing", outcomes: [judgeCut(stream, CUT_NONE, 0, 0)] },
    { name: "fixed cut 0.5", outcomes: [judgeCut(stream, half, 0, 0)] },
    {
      name: "one cut, all labels at once (oracle)",
      outcomes: [judgeCut(stream, best, 0, requests.length)],
    },
    tunePolicy(stream, model),
    { name: "Limen fpr:0.01", outcomes: ours },
  ];
}
