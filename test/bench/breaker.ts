/** The breaker on a release: recorded or simulated bins, drawn anew for each run. */
import { readFileSync } from "node:fs";
import { parse } from "csv-parse/sync";
import { openRandom, type Random } from "../../control/demo/random.ts";
import { noteDecision, openBreaker, showsDouble } from "../../control/learn/certify/breaker.ts";
import { shareRisk, walkFpr } from "../../control/learn/certify/walk.ts";
import { BINS, CUT_NONE } from "../../models/limits.ts";
import { openAlias, sliceBeta } from "./stream.ts";

export const PHASES = ["before", "after"] as const;
type Phase = (typeof PHASES)[number];
type Class = "people" | "partner" | "crude" | "stealth";

/** Bins by class, route and phase, as recorded in runs of the demo's release. */
export type Pool = ReadonlyMap<string, readonly number[]>;

const BOTS = 0.1;
const PARTNER = 0.15 * (1 - BOTS);
const ROUTES = ["search", "login", "checkout", "orders"];
/** Share of each class in the traffic, and of each route in the class. */
const MIX: readonly { of: Class; share: number; routes: readonly number[] }[] = [
  { of: "people", share: 1 - BOTS - PARTNER, routes: [0.5, 0.25, 0.25, 0] },
  { of: "partner", share: PARTNER, routes: [0, 0, 0, 1] },
  { of: "crude", share: (BOTS * 3) / 7, routes: [1 / 2, 1 / 3, 1 / 6, 0] },
  { of: "stealth", share: (BOTS * 4) / 7, routes: [1 / 2, 1 / 3, 1 / 6, 0] },
];
const CELLS = MIX.flatMap(({ of, share, routes }) =>
  routes.flatMap((part, at) =>
    part === 0 ? [] : [{ of, route: ROUTES[at] ?? "", share: share * part }],
  ),
);
export const keyOfPool = (of: string, route: string, phase: string): string =>
  `${of},${route},${phase}`;

/** A pool from a CSV file with the columns class, route, phase (before, after) and bin. */
export function readPool(file: string): Pool {
  const pool = new Map<string, number[]>();
  const rows = parse(readFileSync(file), { columns: true }) as Record<string, string>[];
  for (const row of rows) {
    const bin = Number(row["bin"]);
    if (!Number.isInteger(bin) || bin < 0 || bin >= BINS) throw new Error(`${file}: bin ${bin}`);
    const key = keyOfPool(row["class"] ?? "", row["route"] ?? "", row["phase"] ?? "");
    const bins = pool.get(key) ?? [];
    bins.push(bin);
    pool.set(key, bins);
  }
  const absent = CELLS.flatMap(({ of, route }) =>
    PHASES.map((phase) => keyOfPool(of, route, phase)),
  ).find((key) => !pool.has(key));
  if (absent !== undefined) throw new Error(`${file}: no row of ${absent}`);
  return pool;
}

/**
 * Bins as of the stream of every simulated figure: bots Beta(4,2), people Beta(2,5); after the
 * release 80% of people look more like scripts, Beta(5,3): a cut at 1% then tags 28-38% of them.
 */
export function drawPool(seed: number, size = 20_000): Pool {
  const random = openRandom(seed);
  const [bots, people, changed] = [
    [4, 2],
    [2, 5],
    [5, 3],
  ].map(([p = 1, q = 1]) => openAlias(sliceBeta(p, q, BINS)));
  if (!bots || !people || !changed) throw new Error("three distributions");
  const bin = (of: Class, phase: Phase): number => {
    if (of === "partner") return 3_600 + random.below(4);
    if (of !== "people") return bots(random);
    return phase === "after" && random.chance(0.8) ? changed(random) : people(random);
  };
  return new Map(
    CELLS.flatMap(({ of, route }) =>
      PHASES.map((phase): [string, number[]] => [
        keyOfPool(of, route, phase),
        Array.from({ length: size }, () => bin(of, phase)),
      ]),
    ),
  );
}

export type Drawn = { route: string; isBot: boolean; bin: number };

/** Draws decisions of a phase from a pool, with replacement. */
function openTraffic(pool: Pool, random: Random): (phase: Phase) => Drawn {
  const choose = openAlias(CELLS.map(({ share }) => share));
  return (phase) => {
    const cell = CELLS[choose(random)];
    const bins = cell && pool.get(keyOfPool(cell.of, cell.route, phase));
    if (!cell || !bins) throw new Error("no such cell");
    const isBot = cell.of === "crude" || cell.of === "stealth";
    return { route: cell.route, isBot, bin: bins[random.below(bins.length)] ?? 0 };
  };
}

/** Cuts certified on shadow decisions, and the tagged shares that go with them. */
export function certifyRoutes(decisions: readonly Drawn[]) {
  const cuts: Record<string, number> = {};
  const shares: Record<string, number> = {};
  let [tagged, watched] = [0, 0];
  for (const route of ROUTES) {
    const own = decisions.filter((decision) => decision.route === route);
    const count = (isBot: boolean): Map<number, number> => {
      const bins = new Map<number, number>();
      for (const each of own.filter((decision) => decision.isBot === isBot)) {
        bins.set(each.bin, (bins.get(each.bin) ?? 0) + 1);
      }
      return bins;
    };
    const { cut } = walkFpr(
      { negatives: count(false), positives: count(true) },
      { rate: 0.01, risk: shareRisk(0.1, ROUTES.length), looks: "repeated" },
    );
    cuts[route] = cut;
    if (cut === CUT_NONE) continue;
    const above = own.filter(({ bin }) => bin >= cut).length;
    shares[route] = above / own.length;
    tagged += above;
    watched += own.length;
  }
  return { cuts, shares, overall: watched === 0 ? 0 : tagged / watched };
}

type Certified = ReturnType<typeof certifyRoutes>;
type Fires = (decision: Drawn) => boolean;

function openRestarting({ cuts, shares, overall }: Certified): Fires {
  const breaker = openBreaker(overall, shares);
  return ({ route, bin }) => noteDecision(breaker, route, bin, cuts[route] ?? CUT_NONE) !== null;
}

/** The same test from its first decision alone: the negative control. */
function openSingle({ cuts, shares, overall }: Certified): Fires {
  const all = { n: 0, tagged: 0 };
  const seen = Object.fromEntries(ROUTES.map((route) => [route, { n: 0, tagged: 0 }]));
  return ({ route, bin }) => {
    const cut = cuts[route] ?? CUT_NONE;
    if (cut === CUT_NONE) return false;
    const own = seen[route] ?? all;
    for (const each of [own, all]) {
      each.n++;
      each.tagged += Number(bin >= cut);
    }
    return (
      showsDouble(own.tagged, own.n, shares[route] ?? 0) || showsDouble(all.tagged, all.n, overall)
    );
  };
}

export type BreakerRow = {
  runs: number;
  /** Share of runs that alarmed before the release. */
  falseFires: number;
  /** Share of runs that alarmed within 1,000 decisions after it. */
  within: number;
  /** Decisions from the release to the alarm: median and most; null when a run had none. */
  median: number | null;
  most: number | null;
};

const [SHADOW, TAG, RELEASE, WITHIN] = [5_000, 3_000, 12_000, 1_000];

function runOnce(draw: (phase: Phase) => Drawn, open: (found: Certified) => Fires) {
  const fires = open(certifyRoutes(Array.from({ length: SHADOW }, () => draw("before"))));
  let before = false;
  for (let at = 0; at < TAG; at++) before = fires(draw("before")) || before;
  for (let at = 1; at <= RELEASE; at++) if (fires(draw("after"))) return { before, delay: at };
  return { before, delay: Number.POSITIVE_INFINITY };
}

/** Runs of the demo's plan: shadow 5,000, tag 3,000, release 12,000. */
export function runBreaker(
  pool: Pool,
  runs: number,
  seed: number,
  starts: "restarting" | "single",
): BreakerRow {
  const draw = openTraffic(pool, openRandom(seed));
  const open = starts === "restarting" ? openRestarting : openSingle;
  const found = Array.from({ length: runs }, () => runOnce(draw, open));
  const delays = found.map(({ delay }) => delay).sort((a, b) => a - b);
  const at = (place: number): number | null => {
    const delay = delays[place] ?? Number.POSITIVE_INFINITY;
    return Number.isFinite(delay) ? delay : null;
  };
  return {
    runs,
    falseFires: found.filter(({ before }) => before).length / runs,
    within: found.filter(({ before, delay }) => !before && delay <= WITHIN).length / runs,
    median: at(Math.floor(runs / 2)),
    most: at(runs - 1),
  };
}
