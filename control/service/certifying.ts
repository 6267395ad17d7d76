import * as limit from "../../models/limits.ts";
import { cutKey, type LearnedCuts } from "../desired.ts";
import type { CohortHistogram } from "../learn/alert.ts";
import { auditOf, type Epoch } from "../learn/certify/epoch.ts";
import { type Audit, type Certificate, shareRisk, walkFpr } from "../learn/certify/walk.ts";
import { countAll, countAtOrAbove, type Histogram, mergeHistograms } from "../learn/histogram.ts";
import { limitStep } from "./learning.ts";

/** Share of a segment's audit slice that an explicit source must have labelled. */
export const COVERAGE_MIN = 0.98;
/** A lower cut is worth a push when it tags this much more. */
const GAIN_MIN = 1.1;
/** More tags at most double a push and a W; a shorter W does not make pushes denser than this. */
const LOWER_INTERVAL_MS = 5_000;

export type CertifySettings = {
  rate: number;
  confidence: number;
  /** All segments' claims hold at once with the confidence (Bonferroni). */
  simultaneous: boolean;
  scope: "overall" | "segment";
  /** What an uncertified segment gets: no cut, or the one it has. */
  otherwise: "none" | "keep";
  /** W, milliseconds. */
  windowMs: number;
  segments: readonly string[];
};

export type CertifyInput = {
  model: string;
  tag: string;
  settings: CertifySettings;
  epoch: Epoch;
  /** Recorded decisions over all arms, newest cohort first. */
  cohorts: readonly CohortHistogram[];
  /** Live bins by segment; 4096 is none. */
  live: Readonly<Record<string, number>>;
  /** Cuts this epoch has certified and pushed, by segment. */
  frontier: Readonly<Record<string, number>>;
  /** When a cut of the tag was lowered last, milliseconds since 1970. */
  lastLowered: number | null;
  now: number;
};

export type CertifyAnswer = {
  /** New bins by MODEL/SEGMENT/TAG; empty when all is as it shall be. */
  learned: LearnedCuts;
  /** Some cut tags more than before. */
  lowers: boolean;
  certificates: Readonly<Record<string, Certificate>>;
  why: string;
  waiting: string | null;
};

type Group = { segments: readonly string[]; audit: Audit };

function mergeAudits(epoch: Epoch, segments: readonly string[]): Required<Audit> {
  const audits = segments.map((name) => auditOf(epoch, name));
  return {
    positives: mergeHistograms(audits.map(({ positives }) => positives)),
    negatives: mergeHistograms(audits.map(({ negatives }) => negatives)),
    unlabelled: mergeHistograms(audits.map(({ unlabelled }) => unlabelled)),
  };
}

function groupSegments({ settings, epoch }: CertifyInput): Group[] {
  const groups =
    settings.scope === "overall" ? [settings.segments] : settings.segments.map((name) => [name]);
  return groups.map((segments) => ({ segments, audit: mergeAudits(epoch, segments) }));
}

/** Share of the slice that has a label; 1 when nothing is missing. */
export function measureCoverage(audit: Audit): number {
  const labelled = countAll(audit.positives) + countAll(audit.negatives);
  const missing = countAll(audit.unlabelled ?? new Map());
  return labelled + missing === 0 ? 1 : labelled / (labelled + missing);
}

function certifyGroup({ settings }: CertifyInput, group: Group, groups: number): Certificate {
  const risk = 1 - settings.confidence;
  const certificate = walkFpr(group.audit, {
    rate: settings.rate,
    risk: settings.simultaneous ? shareRisk(risk, groups) : risk,
    looks: "repeated",
  });
  const coverage = measureCoverage(group.audit);
  if (coverage >= COVERAGE_MIN) return certificate;
  const reason = `${(100 * coverage).toFixed(1)}% of the audit slice is labelled, ${100 * COVERAGE_MIN}% must be`;
  return { ...certificate, cut: limit.CUT_NONE, certified: false, bound: null, reason };
}

function histogramOf(cohorts: readonly CohortHistogram[], segments: readonly string[]): Histogram {
  return mergeHistograms(
    cohorts.flatMap(({ segments: own }) => segments.flatMap((name) => own.get(name) ?? [])),
  );
}

/** A cut may be lowered when nothing was certified before it, or when it gains enough and it is time. */
function mayLower(input: CertifyInput, all: Histogram, live: number, wanted: number): boolean {
  if (live >= limit.CUT_NONE) return true;
  const waitMs = Math.max(input.settings.windowMs, LOWER_INTERVAL_MS);
  if (input.lastLowered !== null && input.now < input.lastLowered + waitMs) return false;
  return countAtOrAbove(all, wanted) >= GAIN_MIN * countAtOrAbove(all, live);
}

/** The bin a segment shall have: within an epoch a certified cut only advances downwards. */
function chooseBin(
  input: CertifyInput,
  certificate: Certificate,
  group: Group,
  segment: string,
): number {
  const live = input.live[segment] ?? limit.CUT_NONE;
  const reached = input.frontier[segment] ?? limit.CUT_NONE;
  if (!certificate.certified && reached >= limit.CUT_NONE) {
    return input.settings.otherwise === "keep" ? live : limit.CUT_NONE;
  }
  const wanted = certificate.certified ? Math.min(certificate.cut, reached) : reached;
  if (wanted >= live) return wanted;
  const all = histogramOf(input.cohorts, group.segments);
  return mayLower(input, all, live, wanted) ? limitStep(all, live, wanted) : live;
}

function explain(input: CertifyInput, group: Group, certificate: Certificate): string {
  const where = input.settings.scope === "overall" ? "overall" : group.segments[0];
  return `${where}: ${certificate.reason}`;
}

/** Segments of a group whose cut moves, each with its live bin and the new one. */
function movesOf(input: CertifyInput, group: Group, certificate: Certificate) {
  return group.segments
    .map((segment) => ({
      segment,
      live: input.live[segment] ?? limit.CUT_NONE,
      bin: chooseBin(input, certificate, group, segment),
    }))
    .filter(({ live, bin }) => bin !== live);
}

/** One look at a certified objective: what is certified, and which cuts follow. Pure. */
export function certifyTag(input: CertifyInput): CertifyAnswer {
  const groups = groupSegments(input);
  const looks = groups.map((group) => {
    const certificate = certifyGroup(input, group, groups.length);
    const said = explain(input, group, certificate);
    return { group, certificate, said, moves: movesOf(input, group, certificate) };
  });
  const moves = looks.flatMap((look) => look.moves);
  const why = looks.filter((look) => look.moves.length > 0).map(({ said }) => said);
  const waiting = looks.filter(({ certificate }) => !certificate.certified);
  return {
    learned: Object.fromEntries(
      moves.map(({ segment, bin }) => [cutKey(input.model, segment, input.tag), bin]),
    ),
    lowers: moves.some(({ live, bin }) => bin < live),
    certificates: Object.fromEntries(
      looks.flatMap(({ group, certificate }) =>
        group.segments.map((segment) => [segment, certificate] as const),
      ),
    ),
    why: why.length > 0 ? `model ${input.model}, tag ${input.tag}: ${why.join("; ")}` : "",
    waiting: waiting.length > 0 ? waiting.map(({ said }) => said).join("; ") : null,
  };
}
