import type {
  ClaimView,
  CutView,
  ModelView,
  ProxyView,
  SegmentView,
  StatusView,
} from "../api/views.ts";
import {
  chooseCut,
  type LearnedCuts,
  type LoadedModel,
  modeOf,
  objectiveOf,
  scopeOf,
} from "../desired.ts";
import type { CohortHistogram } from "../learn/alert.ts";
import { writeSentence } from "../learn/certify/sentence.ts";
import { coversCut } from "../learn/certify/walk.ts";
import { countAll, mergeHistograms, shareAtOrAbove } from "../learn/histogram.ts";
import type { ModelSettings } from "../settings.ts";
import { scoreOfBin } from "../table/score-scale.ts";
import type { ProxyRow } from "../xds/proxies.ts";
import type { Tracked } from "./certified.ts";
import type { Look } from "./learning.ts";

/** The newest record seen of a proxy. */
export type LastRecord = { tableDigest: string; at: number };

/** One row a proxy, with what it ACKed and what its records say it runs. */
export function viewProxies(
  rows: readonly ProxyRow[],
  last: ReadonlyMap<string, LastRecord>,
): ProxyView[] {
  return rows.map((row) => ({
    node: row.node,
    workload: row.cluster,
    connected: row.isConnected,
    acked: row.acked?.digest ?? null,
    tableDigest: last.get(row.node)?.tableDigest ?? null,
    nacked: row.refused,
    lastAckMs: row.acked?.ms ?? null,
    lastRecordAt: last.get(row.node)?.at ?? null,
  }));
}

type ModelState = {
  model: LoadedModel;
  own: ModelSettings;
  segments: readonly string[];
  learned: LearnedCuts;
  cohorts: readonly CohortHistogram[];
  look: Look | null;
  /** Certified objectives of the model. */
  tracked: readonly Tracked[];
};

/**
 * Certified is what the counts cover now, or what this epoch certified before; a cut forced below
 * both is not.
 */
function viewCertificate(tracked: Tracked, segment: string, bin: number) {
  const certificate = tracked.certificates[segment];
  if (!certificate) return {};
  const { k, n, needed, reason } = certificate;
  const isCovered = coversCut(certificate, bin);
  const certified = isCovered || bin >= (tracked.frontier[segment] ?? Number.POSITIVE_INFINITY);
  const earlier = certified ? tracked.settings.rate : null;
  const bound = isCovered ? certificate.bound : earlier;
  return { certificate: { certified, k, n, needed, bound, reason } };
}

function viewClaim({ tag, epoch, settings }: Tracked): ClaimView {
  const { began, cause, identity } = epoch;
  const { confidence, rate, windowMs } = settings;
  const sentence = writeSentence({ began, confidence, rate, windowMs });
  return { tag, objective: identity.objective, began, cause, sentence };
}

function viewSegment(state: ModelState, name: string): SegmentView {
  const { model, own, learned } = state;
  const histogram = mergeHistograms(
    state.cohorts.flatMap(({ segments }) => segments.get(name) ?? []),
  );
  const cuts = model.tagNames.map((tag): [string, CutView] => {
    const { bin, source } = chooseCut(model, own, name, tag, learned);
    const owner = state.tracked.find((one) => one.tag === tag && name in one.certificates);
    const score = scoreOfBin(model.score, bin);
    return [tag, { score, bin, source, ...(owner && viewCertificate(owner, name, bin)) }];
  });
  const decisions = countAll(histogram);
  const first = cuts[0]?.[1].bin ?? 0;
  return {
    name,
    mode: modeOf(own, name),
    cuts: Object.fromEntries(cuts),
    decisions,
    share: decisions === 0 ? null : shareAtOrAbove(histogram, first),
  };
}

/** How a model stands: its cuts by segment and what learning waits for. */
export function viewModel(state: ModelState): ModelView {
  const { model, own, look } = state;
  const segments = state.segments.map((name) => viewSegment(state, name));
  const tag = model.tagNames[0] ?? "";
  return {
    name: model.name,
    digest: model.digest,
    objective: objectiveOf(model, own, "rest", tag),
    scope: scopeOf(own, tag),
    audit: own.audit,
    decisions: segments.reduce((sum, segment) => sum + segment.decisions, 0),
    windowDecisions: look?.view?.decisions ?? 0,
    share: look?.view ? look.view.liveShare : null,
    waiting: look?.waiting ?? null,
    claims: state.tracked.map(viewClaim),
    segments,
  };
}

export type StatusParts = Omit<StatusView, "waiting">;

/** The status with the first thing that waits on top. */
export function viewStatus(parts: StatusParts): StatusView {
  const waiting = parts.models.find((model) => model.waiting !== null)?.waiting ?? null;
  return { ...parts, waiting: parts.state === "off" ? "off: learning is held until on" : waiting };
}
