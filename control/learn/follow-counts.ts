/** The counts of all partitions, whichever processes fold them: fed from limen.counts alone. */
import { setTimeout as sleep } from "node:timers/promises";
import { LimenError } from "../errors.ts";
import type { EventLog } from "../events/log.ts";
import { applyNewest, createMirror, holdRecord, type Mirror } from "./apply-counts.ts";
import type { Cell, Slice, SliceName } from "./cells.ts";
import { placesOf, readRecord } from "./counts-records.ts";
import type { LabelSettings } from "./join/sources.ts";
import { KEEP, type Kept, shareKept } from "./kept.ts";
import { type CohortCounts, createState, type LearnState, type OnScored } from "./state.ts";

export type CountsFollowerOptions = {
  log: EventLog;
  /** As the learners have them: what they write of others is left aside. */
  sliceMs?: number;
  labels?: LabelSettings;
  /** What of closed cohorts stays in memory; KEEP unless said. */
  keep?: Kept;
  /** Told of the scored decisions of each cohort that closes after `isCurrent`: cohorts of a
   * partition in their order, decisions within one in an order that is drawn, the same each time. */
  onScored?: OnScored;
  onError?: (error: LimenError) => void;
};

export type CountsFollower = {
  /** One a partition of limen.decisions, at its place: as of the last checkpoint of each. Of seqs
   * they hold what is missing as one number, and no decisions that labels may still join. */
  states: readonly LearnState[];
  /** Reads what is there, at most some thousand records; 0 when there is nothing more. */
  step(): Promise<number>;
  /** What was there as this process began is taken over. */
  isCurrent(): boolean;
  /** Steps until the signal; errors are told and retried. */
  run(signal: AbortSignal): Promise<void>;
};

const READ_EVENTS = 1_000;
const POLL_MS = 100;
const RETRY_MS = 1_000;

/** 32 bits that look drawn. */
function mix(seed: number, number: number): number {
  let hash = Math.imul(seed ^ Math.imul(number, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  return (hash ^ (hash >>> 15)) >>> 0;
}

const nameOf = ({ modelDigest, segment }: Slice): SliceName => ({
  key: `${modelDigest}/${segment}`,
  modelDigest,
  segment,
});

const byPlace = (a: Cell, b: Cell): number =>
  a.bin - b.bin || a.arm - b.arm || (a.tableDigest < b.tableDigest ? -1 : 1);

type Scored = { name: SliceName; bin: number };

/** Each decision of a slice, sorted. */
function listScored(slice: Slice): Scored[] {
  const name = nameOf(slice);
  return [...slice.cells.values()]
    .sort(byPlace)
    .flatMap(({ bin, count }) => Array.from({ length: count }, () => ({ name, bin })));
}

/**
 * Decisions of a cohort one by one. Their order is not kept in counts; one that is drawn is as good
 * for what watches shares: a sorted one would look like a burst.
 */
function tellCohort({ cohort, slices }: CohortCounts, onScored: OnScored): void {
  const names = [...slices.keys()].sort();
  const all = names.flatMap((name) => listScored(slices.get(name) as Slice));
  for (let left = all.length; left > 0; left--) {
    const at = mix(cohort, left) % left;
    const [drawn, last] = [all[at] as Scored, all[left - 1] as Scored];
    all[at] = last;
    onScored(drawn.name, drawn.bin);
  }
}

type Place = { place: number; next: bigint; isEnd: boolean };
type Following = { options: CountsFollowerOptions; mirrors: Mirror[]; places: Place[] };

/** Reads to the end, or some thousand records. */
async function readPlace({ options, mirrors }: Following, place: Place): Promise<number> {
  let read = 0;
  place.isEnd = false;
  while (!place.isEnd && read < READ_EVENTS) {
    const events = await options.log.read("limen.counts", place.place, place.next, READ_EVENTS);
    for (const event of events) {
      const record = readRecord(event);
      const mirror = record && mirrors[record.partition];
      if (mirror) holdRecord(mirror, record);
      place.next = event.offset + 1n;
    }
    place.isEnd = events.length === 0;
    read += events.length;
  }
  return read;
}

/** Takes over what is whole where all that can lie in the log of a partition was read. */
function applyEnded({ options, mirrors, places }: Following, isPast: boolean): void {
  const { log, onScored } = options;
  mirrors.forEach((mirror, partition) => {
    const own = placesOf(log, partition);
    if (!places.every(({ place, isEnd }) => isEnd || !own.includes(place))) return;
    const fresh = applyNewest(mirror);
    if (isPast || !onScored) return;
    for (const cohort of fresh) tellCohort(cohort, onScored);
  });
}

function mirrorOf(options: CountsFollowerOptions, partition: number): Mirror {
  const { log, labels, sliceMs = 1_000, keep = KEEP } = options;
  const { hasOneClock } = log;
  const settings = { partition, sliceMs, ...shareKept(log, keep), checkpointMs: 0, hasOneClock };
  return createMirror(createState({ ...settings, ...(labels && { labels }) }));
}

/** Follows what learners write; nothing is read before the first `step`. */
export function createCountsFollower(options: CountsFollowerOptions): CountsFollower {
  const { log, onError } = options;
  const count = log.partitions("limen.decisions");
  const following: Following = {
    options,
    mirrors: Array.from({ length: count }, (_, partition) => mirrorOf(options, partition)),
    places: Array.from({ length: log.partitions("limen.counts") }, (_, place) => ({
      place,
      next: 0n,
      isEnd: false,
    })),
  };
  let isCurrent = false;
  const step = async (): Promise<number> => {
    let read = 0;
    for (const place of following.places) read += await readPlace(following, place);
    applyEnded(following, !isCurrent);
    isCurrent ||= following.places.every(({ isEnd }) => isEnd);
    return read;
  };
  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      let waitMs = POLL_MS;
      try {
        if ((await step()) > 0) waitMs = 0;
      } catch (thrown) {
        onError?.(LimenError.from(thrown, "following limen.counts"));
        waitMs = RETRY_MS;
      }
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const states = following.mirrors.map(({ state }) => state);
  return { states, step, isCurrent: () => isCurrent, run };
}
