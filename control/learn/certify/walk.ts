import { CUT_NONE } from "../../../models/limits.ts";
import { countAll, type Histogram } from "../histogram.ts";
import { boundOnce, certifiesOnce } from "./clopper-pearson.ts";
import { boundRepeated, certifiesRepeated } from "./e-value.ts";

/** Counts of an audit slice by bin and final label. */
export type Audit = {
  positives: Histogram;
  negatives: Histogram;
  /** Decisions an `explicit` source said nothing about: counted as false positives, not in n. */
  unlabelled?: Histogram;
};

/** "The false positive rate is at most `rate`", wrong with probability `risk` at most. */
export type Claim = {
  rate: number;
  risk: number;
  /** One look at fixed data (Clopper-Pearson), or as many as one likes at growing data (E). */
  looks: "one" | "repeated";
  /** Requests of one client that fall together (`burstFactor`); 1 when not known. */
  burst?: number;
};

export type Certificate = {
  /** Tags at `bin >= cut`; 4096 tags nothing. */
  cut: number;
  /** Also of "none": with enough negatives it says that nothing can be tagged. */
  certified: boolean;
  /** False positives at the cut, and negatives. */
  k: number;
  n: number;
  /** Upper bound of the false positive rate at the cut; null when not certified. */
  bound: number | null;
  /** Least negatives that certify anything. */
  needed: number;
  /** Counts were divided by a burst factor. */
  approximate: boolean;
  reason: string;
};

/** Above it requests are not independent enough to count each. */
export const BURST_MAX = 1.2;
const TRIALS_MAX = 2 ** 40;

/** sum k^2 / sum k of false positives per client; 1 when each client has one or there is none. */
export function burstFactor(perClient: Iterable<number>): number {
  let [sum, squares] = [0, 0];
  for (const count of perClient) {
    sum += count;
    squares += count * count;
  }
  return sum === 0 ? 1 : squares / sum;
}

/** What each of `segments` claims may be wrong with so that all hold at once (Bonferroni). */
export function shareRisk(risk: number, segments: number): number {
  return risk / Math.max(1, segments);
}

function divisorOf({ burst = 1 }: Claim): number {
  return burst > BURST_MAX ? burst : 1;
}

/** Whether k false positives of n negatives certify the claim. */
export function certifiesClaim(k: number, n: number, claim: Claim): boolean {
  const certifies = claim.looks === "one" ? certifiesOnce : certifiesRepeated;
  const divisor = divisorOf(claim);
  return certifies(k / divisor, n / divisor, claim.rate, claim.risk);
}

/** The least whole number in (low, high] where a predicate that turns true once holds. */
function findLeast(low: number, high: number, holds: (x: number) => boolean): number {
  let [below, above] = [low, high];
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2);
    if (holds(middle)) above = middle;
    else below = middle;
  }
  return above;
}

/** Least n that certifies a claim with no false positive. */
export function countNeeded(claim: Claim): number {
  let enough = 1;
  while (enough < TRIALS_MAX && !certifiesClaim(0, enough, claim)) enough *= 2;
  return findLeast(Math.floor(enough / 2), enough, (n) => certifiesClaim(0, n, claim));
}

/** Most false positives among n negatives that certify a claim; -1 when not even none does. */
export function countAllowed(n: number, claim: Claim): number {
  // More than n * rate certify no rate that low.
  const most = Math.min(n, Math.ceil(n * claim.rate)) + 1;
  return findLeast(-1, most, (k) => k > n || !certifiesClaim(k, n, claim)) - 1;
}

/**
 * The lowest seen bin at or above which at most `allowed` false positives lie, from the top down
 * over distinct bins, stopping at the first failure. Every higher cut passes too.
 */
export function findLowestCut(audit: Audit, allowed: number): { cut: number; k: number } {
  const { positives, negatives, unlabelled = new Map() } = audit;
  const bins = [...new Set([...positives.keys(), ...negatives.keys(), ...unlabelled.keys()])];
  let best = { cut: CUT_NONE, k: 0 };
  let k = 0;
  for (const bin of bins.sort((a, b) => b - a)) {
    k += (negatives.get(bin) ?? 0) + (unlabelled.get(bin) ?? 0);
    if (k > allowed) break;
    best = { cut: bin, k };
  }
  return best;
}

function boundClaim(k: number, n: number, claim: Claim): number {
  const divisor = divisorOf(claim);
  const bound = claim.looks === "one" ? boundOnce : boundRepeated;
  return bound(k / divisor, n / divisor, claim.risk);
}

const percent = (share: number): string => `${Number((100 * share).toPrecision(3))}%`;

function explain(certificate: Omit<Certificate, "reason">, claim: Claim): string {
  const { cut, k, n, needed, bound } = certificate;
  if (!certificate.certified) return `${n} of ${needed} negatives until certified`;
  const burst = certificate.approximate
    ? `; approximate, counts divided by a burst factor of ${claim.burst?.toFixed(2)}`
    : "";
  if (cut === CUT_NONE) {
    return `nothing can be tagged within ${percent(claim.rate)} of ${n} negatives${burst}`;
  }
  return `${k} of ${n} negatives tagged, rate at most ${percent(bound ?? 1)}${burst}`;
}

/**
 * The cut that tags most while the false positive rate is certified. n is the same for all cuts
 * and k only grows downwards, so one claim covers the whole walk: a cut over the rate is published
 * only when the highest such cut passes.
 */
export function walkFpr(audit: Audit, claim: Claim): Certificate {
  const n = countAll(audit.negatives);
  const allowed = n === 0 ? -1 : countAllowed(n, claim);
  const certified = allowed >= 0;
  const { cut, k } = certified ? findLowestCut(audit, allowed) : { cut: CUT_NONE, k: 0 };
  const tagsNothing = cut === CUT_NONE ? 0 : boundClaim(k, n, claim);
  const found = {
    cut,
    certified,
    k,
    n,
    bound: certified ? tagsNothing : null,
    needed: countNeeded(claim),
    approximate: divisorOf(claim) > 1,
  };
  return { ...found, reason: explain(found, claim) };
}

/** Whether a certificate speaks of a cut: of its own and of every higher one. */
export function coversCut(certificate: Certificate, cut: number): boolean {
  return certificate.certified && cut >= certificate.cut;
}
