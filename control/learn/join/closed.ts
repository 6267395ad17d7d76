/** Closed cohorts as certification takes them: integers of all partitions together. */
import { LABEL_NEGATIVE, LABEL_POSITIVE } from "../cells.ts";
import type { ClosedCohort, CohortCount, FinalLabel } from "../certify/epoch.ts";
import type { Joining } from "../joining.ts";
import type { LearnState } from "../state.ts";
import type { LabelledCohort } from "./close.ts";

/** `from` and `counts` are what `addCohort` of certify/epoch.ts takes. */
export type JoinedCohort = ClosedCohort & {
  /** Number of the cohort: `from` divided by its length. */
  cohort: number;
  /** Its decisions were taken in within [from, to), its labels before `at`; milliseconds. */
  to: number;
  at: number;
  /** Decisions counted, and all that were there: more when it was thinned at random. */
  held: number;
  seen: number;
  /** Its counts may be used; `why` says why not. */
  usable: boolean;
  why: string;
};

/**
 * What a cell says in a certificate. Where absence means a negative, no label is one; labels that
 * could mean several decisions are never read as a negative.
 */
function readFinal(label: number, isAbsence: boolean): FinalLabel {
  if (label === LABEL_POSITIVE) return "positive";
  if (label === LABEL_NEGATIVE) return "negative";
  return label === 0 && isAbsence ? "negative" : "unlabelled";
}

function addCells(
  counts: Map<string, CohortCount>,
  cohort: LabelledCohort,
  modelDigest: string,
  isAbsence: boolean,
): void {
  for (const slice of cohort.slices.values()) {
    if (slice.modelDigest !== modelDigest) continue;
    for (const { arm, bin, label, count } of slice.cells.values()) {
      const final = readFinal(label, isAbsence);
      const key = `${arm}/${bin}/${final}/${slice.segment}`;
      const found = counts.get(key);
      const sum = (found?.count ?? 0) + count;
      counts.set(key, { segment: slice.segment, arm, bin, label: final, count: sum });
    }
  }
}

/** One cohort of a model out of its parts in all partitions. */
export function joinParts(
  parts: readonly LabelledCohort[],
  modelDigest: string,
  isAbsence: boolean,
): JoinedCohort | null {
  const [first] = parts;
  if (!first) return null;
  const { cohort, cohortMs, windowMs } = first;
  const counts = new Map<string, CohortCount>();
  for (const part of parts) addCells(counts, part, modelDigest, isAbsence);
  const why = isAbsence ? parts.map(({ silence }) => silence).filter(Boolean) : [];
  return {
    cohort,
    from: cohort * cohortMs,
    to: (cohort + 1) * cohortMs,
    at: (cohort + 1) * cohortMs + windowMs,
    counts: [...counts.values()],
    held: parts.reduce((sum, { held }) => sum + held, 0),
    seen: parts.reduce((sum, { seen }) => sum + seen, 0),
    usable: why.length === 0,
    why: [...new Set(why)].join("; "),
  };
}

type Known = {
  parts: readonly LabelledCohort[];
  byModel: Map<string, JoinedCohort | null>;
};
/** By the first part: what partitions gave is final, and asked for again and again. */
const KNOWN = new WeakMap<LabelledCohort, Known>();

function joinOnce(parts: readonly LabelledCohort[], modelDigest: string, isAbsence: boolean) {
  const [first] = parts;
  if (!first) return null;
  let known = KNOWN.get(first);
  if (known?.parts.length !== parts.length || known.parts.some((one, at) => one !== parts[at])) {
    known = { parts, byModel: new Map() };
    KNOWN.set(first, known);
  }
  const found = known.byModel.get(modelDigest);
  if (found !== undefined) return found;
  const made = joinParts(parts, modelDigest, isAbsence);
  known.byModel.set(modelDigest, made);
  return made;
}

/** The absence of a label means something: one source of labels says so. */
export const readsAbsence = ({ settings }: LearnState): boolean =>
  settings.labels?.sources.some(({ negatives }) => negatives === "absence") ?? false;

/** Cohorts before it are closed; -1 where nothing is known of the partition. */
function closedBefore({ join }: Joining): number {
  const { windowMs, cohortMs } = join.settings;
  if (join.open >= 0) return join.open;
  return join.time === 0 ? -1 : Math.max(0, Math.floor((join.time - windowMs) / cohortMs));
}

/**
 * The closed cohorts of a model that are in memory and come after the cohort `after`, ascending.
 * A cohort is closed once every partition has closed it; with one clock over all, once those have
 * that were heard of. Each is final: it is given with the same integers ever after, also by a
 * process that began anew.
 */
export function listClosedCohorts(
  states: readonly LearnState[],
  modelDigest: string,
  after = -1,
): JoinedCohort[] {
  const joined = states.flatMap(({ joining }) => (joining ? [joining] : []));
  const before = joined.map(closedBefore);
  const isWaiting = states.some(({ settings }) => settings.hasOneClock === false);
  const open = Math.min(...before.filter((cohort) => isWaiting || cohort >= 0));
  const parts = joined.flatMap(({ closed }) => [...closed.values()]);
  const isAbsence = states.some(readsAbsence);
  const wanted = parts.filter(({ cohort }) => cohort > after && cohort < open);
  return [...Map.groupBy(wanted, ({ cohort }) => cohort)]
    .sort(([a], [b]) => a - b)
    .flatMap(([, own]) => joinOnce(own, modelDigest, isAbsence) ?? []);
}
