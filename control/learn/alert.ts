import { CUT_NONE } from "../../models/limits.ts";
import {
  countAll,
  countAtOrAbove,
  findCut,
  type Histogram,
  mergeHistograms,
  shareAtOrAbove,
} from "./histogram.ts";
import type { LearnState } from "./state.ts";

/** Scored decisions of one model in one cohort, by segment and bin, over all arms. */
export type CohortHistogram = {
  cohort: number;
  segments: ReadonlyMap<string, Histogram>;
};

export type AlertSettings = {
  /** Share of decisions at or above the cut that is asked for. */
  share: number;
  /** One cut for all segments, or one for each. */
  scope: "overall" | "segment";
  /** Segments of the table: the ones that get a cut. */
  segments: readonly string[];
};

export type AlertInput = {
  /** Newest first. */
  cohorts: readonly CohortHistogram[];
  /** Live cut by segment; none (4096) where there is no entry. */
  liveCuts: Readonly<Record<string, number>>;
  /** When the cuts of this objective were proposed last, milliseconds since 1970; null never. */
  lastProposal: number | null;
  now: number;
  settings: AlertSettings;
};

/** How things stand with one cut, of one segment or of all. */
export type AlertView = {
  /** Null: all segments together. */
  segment: string | null;
  /** Decisions looked at, and how many are needed before a cut is proposed. */
  decisions: number;
  needed: number;
  /** Share at or above the live cut, and at or above the proposed one, of these decisions. */
  liveShare: number;
  cut: number;
  share: number;
};

export type AlertAnswer =
  | { kind: "proposal"; cuts: Readonly<Record<string, number>>; views: AlertView[] }
  | { kind: "nothing"; reason: string; views: AlertView[] };

/** 10 decisions above the cut: fewer say little about its share. */
const TAGGED_MIN = 10;
/** Newest decisions that are always looked at: 50 of them are expected above the cut. */
const TAGGED_NEWEST = 50;
/** Older ones are looked at too while they agree, up to this: the share is then known to 4%. */
const TAGGED_MAX = 500;
/** Standard deviations between newer and older decisions above which the older are left out. */
const DISAGREEMENT = 2;
export const PROPOSAL_INTERVAL_MS = 5_000;
/** Standard deviations of the asked share within which a live share may be so by chance. */
const CHANCE = 1.5;
/** The live share may differ from the one asked for by this much of it. */
const OFF_SHARE = 0.1;
/** Shares are quotients: exactly 10% off must not depend on their last bit. */
const ROUNDING = 1e-9;

/** Segments that share one cut; all of them, or one. */
type Group = { name: string | null; segments: readonly string[] };

const NO_COUNTS: Histogram = new Map();

function mergeCohorts(cohorts: readonly CohortHistogram[], { segments }: Group): Histogram {
  return mergeHistograms(
    cohorts.flatMap((cohort) => segments.map((name) => cohort.segments.get(name) ?? NO_COUNTS)),
  );
}

const countGroup = (cohort: CohortHistogram, { segments }: Group): number =>
  segments.reduce((sum, name) => sum + countAll(cohort.segments.get(name) ?? NO_COUNTS), 0);

/** Index after the cohorts that hold the wanted decisions, or after the last one. */
function findEnd(counts: readonly number[], from: number, wanted: number): number {
  let sum = 0;
  let end = from;
  while (end < counts.length && sum < wanted) {
    sum += counts[end] ?? 0;
    end++;
  }
  return end;
}

/** Whether two samples have different shares at or above the cut (two proportions, pooled). */
function disagree(newer: Histogram, older: Histogram, cut: number): boolean {
  const [n1, n2] = [countAll(newer), countAll(older)];
  if (n1 === 0 || n2 === 0) return false;
  const [k1, k2] = [countAtOrAbove(newer, cut), countAtOrAbove(older, cut)];
  const pooled = (k1 + k2) / (n1 + n2);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2));
  return Math.abs(k1 / n1 - k2 / n2) > DISAGREEMENT * deviation;
}

/**
 * How many of the newest cohorts a cut is read off: those of the newest 50 / share decisions, then
 * blocks as large as all before them while each agrees with the newer ones, up to 500 / share. So
 * a cut is steady in steady traffic, and follows a change from 50 / share decisions on.
 */
function chooseWindow(cohorts: readonly CohortHistogram[], group: Group, share: number): number {
  const counts = cohorts.map((cohort) => countGroup(cohort, group));
  let end = findEnd(counts, 0, TAGGED_NEWEST / share);
  while (end < cohorts.length) {
    const newer = mergeCohorts(cohorts.slice(0, end), group);
    const size = countAll(newer);
    if (size >= TAGGED_MAX / share) break;
    const further = findEnd(counts, end, size);
    const older = mergeCohorts(cohorts.slice(end, further), group);
    if (disagree(newer, older, findCut(newer, share))) break;
    end = further;
  }
  return end;
}

function viewGroup({ cohorts, liveCuts, settings }: AlertInput, group: Group): AlertView {
  const { share } = settings;
  const newest = cohorts.slice(0, chooseWindow(cohorts, group, share));
  const window = mergeCohorts(newest, group);
  const decisions = countAll(window);
  const cut = findCut(window, share);
  let live = 0;
  for (const segment of group.segments) {
    const own = mergeCohorts(newest, { name: segment, segments: [segment] });
    live += countAtOrAbove(own, liveCuts[segment] ?? CUT_NONE);
  }
  return {
    segment: group.name,
    decisions,
    needed: Math.ceil(TAGGED_MIN / share),
    liveShare: decisions === 0 ? 0 : live / decisions,
    cut,
    share: shareAtOrAbove(window, cut),
  };
}

/** Why this cut stays as it is; null when another is proposed. */
function findReason(view: AlertView, share: number): string | null {
  const { decisions, needed, liveShare } = view;
  const where = view.segment === null ? "" : `segment ${view.segment}: `;
  if (decisions < needed) return `${where}${decisions} of ${needed} decisions`;
  const [now, asked] = [liveShare, share].map((part) => `${(100 * part).toFixed(2)}%`);
  if (Math.abs(liveShare - share) <= OFF_SHARE * share + ROUNDING) {
    return `${where}${now} at or above the cut, ${asked} asked for`;
  }
  if (Math.abs(liveShare - share) <= CHANCE * Math.sqrt((share * (1 - share)) / decisions)) {
    return `${where}${now} at or above the cut, within chance of ${asked} in ${decisions} decisions`;
  }
  if (Math.abs(view.share - share) < Math.abs(liveShare - share)) return null;
  return `${where}${now} at or above the cut, no cut comes nearer to ${asked}`;
}

/** The cuts that bring the share at or above them to the one asked for, or why none is proposed. */
export function proposeAlert(input: AlertInput): AlertAnswer {
  const { settings, lastProposal, now } = input;
  const groups: Group[] =
    settings.scope === "overall"
      ? [{ name: null, segments: settings.segments }]
      : settings.segments.map((name) => ({ name, segments: [name] }));
  const views = groups.map((group) => viewGroup(input, group));
  const reasons = views.map((view) => findReason(view, settings.share));
  if (reasons.every((reason) => reason !== null)) {
    return { kind: "nothing", reason: reasons.join("; "), views };
  }
  const waitMs = lastProposal === null ? 0 : lastProposal + PROPOSAL_INTERVAL_MS - now;
  if (waitMs > 0) {
    const reason = `${(waitMs / 1_000).toFixed(1)} s until the next proposal`;
    return { kind: "nothing", reason, views };
  }
  const changed = groups.flatMap(({ segments }, index) => {
    const view = views[index];
    if (!view || reasons[index] !== null) return [];
    return segments.map((segment): [string, number] => [segment, view.cut]);
  });
  return { kind: "proposal", cuts: Object.fromEntries(changed), views };
}

/** The scored decisions a model has in memory, newest cohort first, over all partitions. */
export function listHistograms(
  states: readonly LearnState[],
  modelDigest: string,
): CohortHistogram[] {
  const cohorts = new Map<number, Map<string, Map<number, number>>>();
  for (const { cohort, slices } of states.flatMap((state) => [...state.cohorts.values()])) {
    for (const { segment, cells } of [...slices.values()].filter(
      (slice) => slice.modelDigest === modelDigest,
    )) {
      const segments = cohorts.get(cohort) ?? new Map<string, Map<number, number>>();
      cohorts.set(cohort, segments);
      const bins = segments.get(segment) ?? new Map<number, number>();
      segments.set(segment, bins);
      for (const { bin, count } of cells.values()) bins.set(bin, (bins.get(bin) ?? 0) + count);
    }
  }
  return [...cohorts].sort(([a], [b]) => b - a).map(([cohort, segments]) => ({ cohort, segments }));
}
