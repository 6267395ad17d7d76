/**
 * The loss of a log whose partitions are folded apart. The records of a VM are spread over all
 * partitions, so what is missing is known of states as of one moment only. Every partition keeps
 * what it has seen at the same cuts of the log's time, and they are compared where all agree.
 */
import { measureLoss, measureSeveral, missingOf, type Seqs, type VmSeqs } from "./seqs.ts";
import type { LearnState } from "./state.ts";

/** What was seen of each VM before a moment, with what is missing as one number. */
export type TakenLoss = {
  /** Of the log, milliseconds: it is so before each moment from the first to the last, both
   * included, as no record lies between them. */
  from: number;
  to: number;
  vms: ReadonlyMap<string, VmSeqs>;
};

export type Losses = {
  /** The newest, ascending; at most LOSSES_MAX. */
  taken: TakenLoss[];
  /** Records folded when the newest was taken; -1 when that is not known. */
  records: number;
  /** Where the newest one in limen.counts ends, and in how many records it lies. */
  writtenTo: number;
  parts: number;
};

/** Of a partition: another one may lag by as many cuts. */
export const LOSSES_MAX = 8;
/** Between cuts, rounded up to whole cohorts. */
const LOSS_MS = 5_000;
/** An idle partition is moved on until it is known to have been idle for so long: partitions whose
 * records end within it have a cut in common after the last of all. */
const CLEAR_MS = 3 * LOSS_MS;

export const createLosses = (): Losses => ({ taken: [], records: -1, writtenTo: -1, parts: 0 });

/** Keeps the newest; of two that begin alike the one that holds for longer: no record came since. */
export function keepLoss(losses: Losses, one: TakenLoss): void {
  const same = losses.taken.find(({ from }) => from === one.from);
  if (same && same.to >= one.to) return;
  const all = [...losses.taken.filter((other) => other !== same), one];
  losses.taken = all.sort((a, b) => a.to - b.to).slice(-LOSSES_MAX);
}

/** Shared: nothing arrives in what was taken. */
const NO_GAPS: number[] = [];

const withoutGaps = (vm: VmSeqs): VmSeqs => ({
  ...vm,
  gaps: NO_GAPS,
  closedMissing: missingOf(vm),
});

const copyVms = ({ vms }: Seqs): Map<string, VmSeqs> =>
  new Map([...vms].map(([name, vm]) => [name, withoutGaps(vm)]));

const countRecords = ({ decisions, duplicates, late, rejected }: LearnState["counters"]): number =>
  decisions + duplicates + late + rejected;

/** Takes the loss when the cohort that opens next lies past a cut; call it while the one before is
 * open. */
export function noteCut(state: LearnState, cohort: number): void {
  const { open, settings, saved, seqs, counters } = state;
  const cohorts = Math.ceil(LOSS_MS / settings.sliceMs);
  if (Math.floor(cohort / cohorts) <= Math.floor(open / cohorts)) return;
  const newest = saved.loss.taken.at(-1);
  const to = cohort * settings.sliceMs;
  // Replay from an older place: what is known already comes again.
  if (newest && newest.to >= to) return;
  const records = countRecords(counters);
  const isSame = newest && records === saved.loss.records;
  const taken = isSame ? newest : { from: (open + 1) * settings.sliceMs, vms: copyVms(seqs) };
  keepLoss(saved.loss, { ...taken, to });
  saved.loss.records = records;
}

/** The loss of the last records is not taken or not written, or not known for long enough: time has
 * to go on. */
export function awaitsCut({ open, saved: { loss }, counters }: LearnState): boolean {
  const newest = loss.taken.at(-1);
  if (!newest) return open >= 0;
  if (countRecords(counters) !== loss.records || newest.to > loss.writtenTo) return true;
  return newest.to - newest.from < CLEAR_MS;
}

const covers = ({ from, to }: TakenLoss, at: number): boolean => from <= at && at <= to;

type Chosen = { taken: TakenLoss[]; isExact: boolean; at: number };

/**
 * One of each partition: at the newest moment that all cover. Where there is none, as near as can
 * be to the end of the partition that is furthest behind: what the others have seen later than it
 * then makes a record that it has not read look lost.
 */
function chooseTaken(several: readonly (readonly TakenLoss[])[]): Chosen {
  const last = Math.min(...several.map((taken) => taken.at(-1)?.to ?? 0));
  const moments = several.flatMap((taken) => taken.map(({ to }) => to)).sort((a, b) => b - a);
  const isCovered = (at: number): boolean =>
    several.every((taken) => taken.some((one) => covers(one, at)));
  const common = moments.find((at) => at <= last && isCovered(at));
  const at = common ?? last;
  const chosen = several.map(
    (taken) =>
      taken.find((one) => covers(one, at)) ?? taken.find(({ from }) => from > at) ?? taken.at(-1),
  );
  return { taken: chosen.filter((one) => one !== undefined), isExact: common !== undefined, at };
}

export type MeasuredLoss = {
  /** Lost, or of requests that are still open. */
  missing: number;
  /** False: at most so many, as partitions were not seen at one moment. */
  isExact: boolean;
  /** Of records before this moment of the log, milliseconds; null where it is as of now. */
  at: number | null;
};

/**
 * Loss over all partitions of a log, from the states of all. One of which nothing was ever heard
 * counts as empty: what is missing may be in it. A log of one partition is as of now.
 */
export function measureStates(states: readonly LearnState[]): MeasuredLoss {
  const [only, other] = states;
  if (only && !other) return { missing: measureLoss(only.seqs).missing, isExact: true, at: null };
  const heard = states.filter(({ next, saved }) => next > 0n || saved.loss.taken.length > 0);
  const several = heard.map(({ saved }) => saved.loss.taken);
  if (several.length === 0) return { missing: 0, isExact: true, at: null };
  if (several.some((taken) => taken.length === 0)) {
    const { missing } = measureSeveral(heard.map(({ seqs }) => seqs));
    return { missing, isExact: false, at: null };
  }
  const { taken, isExact, at } = chooseTaken(several);
  const { missing } = measureSeveral(taken);
  const areHeard = missing === 0 || heard.length === states.length;
  return { missing, isExact: isExact && areHeard, at };
}
