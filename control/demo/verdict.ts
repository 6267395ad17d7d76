import { RATE } from "./plan.ts";
import type { Judgement } from "./report.ts";

/** What the demo is judged by. */
export type Verdict = {
  failed: number;
  unscored: number;
  rerouted: number;
  /** Routes without an ACKed certificate at the release, and at the end. */
  uncertified: { before: readonly string[]; after: readonly string[] };
  judged: readonly Judgement[];
  /** Alarms before the release, and decisions from the release to the first one after it. */
  alarmsBefore: number;
  alarmAfter: number | null;
  /** Decisions from the release until the last route was certified again. */
  relearnAfter: number | null;
  /** Cost for 1,000 requests after the release. */
  cost: { stale: number | null; learned: number | null };
};

const REROUTED_MIN = 100;
const ALARM_MAX = 1_000;
const RELEARN_MAX = 7_000;
const RECALL_MIN = 0.6;
const COST_MAX = 0.4;

const percent = (share: number): string => `${(share * 100).toFixed(2)}%`;

function judgeRoute({ route, period, fprLower, recall, bestRecall }: Judgement): string[] {
  const where = `${route}, ${period} the release`;
  const lines: string[] = [];
  if (fprLower > RATE) {
    const least = percent(fprLower);
    lines.push(
      `${where}: the false positive rate is above ${percent(RATE)} (at least ${least}, 99%)`,
    );
  }
  if (recall !== null && bestRecall !== null && recall < RECALL_MIN * bestRecall) {
    const seen = `recall ${percent(recall)}, the best cut's is ${percent(bestRecall)}`;
    lines.push(`${where}: ${seen}, at least ${RECALL_MIN} of it must be reached`);
  }
  return lines;
}

function judgeTimes({ alarmsBefore, alarmAfter, relearnAfter }: Verdict): string[] {
  const lines: string[] = [];
  if (alarmsBefore > 0) lines.push(`${alarmsBefore} alarms before the release, 0 may be`);
  if (alarmAfter === null || alarmAfter > ALARM_MAX) {
    const seen = alarmAfter === null ? "no alarm" : `an alarm ${alarmAfter} decisions`;
    lines.push(`${seen} after the release, one within ${ALARM_MAX} must be`);
  }
  if (relearnAfter === null || relearnAfter > RELEARN_MAX) {
    const seen = relearnAfter === null ? "not all routes were" : `after ${relearnAfter} decisions`;
    lines.push(`certified again: ${seen}, all must be within ${RELEARN_MAX}`);
  }
  return lines;
}

/** What keeps the demo from having worked, one line each; empty when it worked. */
export function listFailures(verdict: Verdict): string[] {
  const { failed, unscored, rerouted, uncertified, judged, cost } = verdict;
  const lines: string[] = [];
  if (failed > 0) lines.push(`${failed} requests failed, 0 may`);
  if (unscored > 0) lines.push(`${unscored} requests were unscored, 0 may be`);
  if (rerouted < REROUTED_MIN) {
    lines.push(`${rerouted} requests were re-routed by a learned tag, ${REROUTED_MIN} must be`);
  }
  for (const [when, routes] of Object.entries(uncertified)) {
    const names = routes.join(", ");
    if (routes.length > 0)
      lines.push(
        `${names}: no certificate was ACKed by the ${MOMENTS[when as "before" | "after"]}`,
      );
  }
  lines.push(...judged.flatMap(judgeRoute), ...judgeTimes(verdict));
  if (cost.stale === null || cost.learned === null || cost.learned > COST_MAX * cost.stale) {
    const seen = [cost.learned, cost.stale].map((value) => value?.toFixed(0) ?? "unknown");
    lines.push(
      `after the release the learned cuts cost ${seen[0]} for 1,000 requests, at most ${COST_MAX} of the stale cuts' ${seen[1]} may be`,
    );
  }
  return lines;
}

const MOMENTS = { before: "release", after: "end" } as const;
