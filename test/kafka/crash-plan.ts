// What one crash run does, drawn from its seed alone.
import { openRandom, type Random } from "../../control/demo/random.ts";

export const VICTIMS = ["collector", "learner", "decider", "server", "broker"] as const;
export type Victim = (typeof VICTIMS)[number];

export type Kill = {
  /** From the beginning of the traffic. */
  atMs: number;
  what: Victim;
  /** Which one of them, modulo how many there are. */
  index: number;
  /** How long it stays away. */
  downMs: number;
};

export type Push = { atMs: number; cut: number };

export type CrashPlan = {
  seed: number;
  /** Of each Envoy. */
  requestsPerSecond: number;
  learners: number;
  kills: readonly Kill[];
  pushes: readonly Push[];
};

const STRIKE_MS = 10_000;
const REQUESTS_PER_SECOND = 40;
const FIRST_KILL_MS = 1_500;
const DOWN_MIN_MS = 200;
const DOWN_MAX_MS = 3_000;
/** The broker needs some seconds to be back anyway. */
const BROKER_DOWN_MS = 300;
const MORE_KILLS_MAX = 3;
const PUSH_MIN_MS = 600;
const PUSH_MAX_MS = 1_400;
/** Longer than any run: they end with the traffic. */
const PUSHES_MS = 120_000;
const CUTS = 90;

const between = (random: Random, from: number, to: number): number =>
  from + random.below(to - from + 1);

function drawKill(random: Random, what: Victim): Kill {
  return {
    atMs: between(random, FIRST_KILL_MS, STRIKE_MS),
    what,
    index: random.below(60),
    downMs: what === "broker" ? BROKER_DOWN_MS : between(random, DOWN_MIN_MS, DOWN_MAX_MS),
  };
}

function drawPushes(random: Random): Push[] {
  const pushes: Push[] = [];
  for (let atMs = 0; atMs < PUSHES_MS; atMs += between(random, PUSH_MIN_MS, PUSH_MAX_MS)) {
    pushes.push({ atMs, cut: (5 + random.below(CUTS)) / 100 });
  }
  return pushes;
}

/** Every kind of process is killed at least once; the broker, which all wait for, and the decider,
 * for whose successor a group waits 8 s, no more than that. */
export function planCrash(seed: number): CrashPlan {
  const random = openRandom(seed);
  const more = Array.from({ length: random.below(MORE_KILLS_MAX + 1) }, () =>
    random.pick(["collector", "learner", "server"] as const),
  );
  const kills = [...VICTIMS, ...more].map((what) => drawKill(random, what));
  return {
    seed,
    requestsPerSecond: REQUESTS_PER_SECOND,
    learners: 2 + random.below(2),
    kills: kills.toSorted((a, b) => a.atMs - b.atMs),
    pushes: drawPushes(random),
  };
}
