import logBeta from "@stdlib/math-base-special-betaln";
import kernelBetainc from "@stdlib/math-base-special-kernel-betainc";
import { LimenError } from "../../errors.ts";

/** Below it a double is about to lose digits; logs of a derivation take over. */
const SMALL = 1e-280;
/** Bisection steps: each halves the interval, so a double has no more digits after these. */
const BISECTIONS = 1100;

/**
 * I_x(p, q), the regularised incomplete beta function, and its derivative by x. Against mpmath:
 * 1e-12 relative up to p + q = 5,000, 3e-12 up to 10^5, 2e-11 at 10^6. The derivative is wrong at
 * p = q = 1/2 (a factor of x(1-x)), where it must not be taken.
 */
export function evaluateBeta(x: number, p: number, q: number): { share: number; density: number } {
  const out = kernelBetainc.assign(x, p, q, true, false, [0, 0], 1, 0);
  return { share: Number(out[0]), density: Number(out[1]) };
}

/** 1 - I_x(p, q), not by subtraction: small values keep their digits. */
export function upperBeta(x: number, p: number, q: number): number {
  return Number(kernelBetainc.assign(x, p, q, true, true, [0, 0], 1, 0)[0]);
}

/**
 * 2F1(p+q, 1; p+1; x) by its power series: I_x(p, q) without its power prefix (DLMF 8.17.8). All
 * terms are positive, so no digits cancel; taken only far below the mean, where it is short.
 */
function sumSeries(x: number, p: number, q: number): number {
  let term = 1;
  let sum = 1;
  for (let i = 0; term > sum * Number.EPSILON; i++) {
    term *= ((p + q + i) * x) / (p + 1 + i);
    sum += term;
  }
  return sum;
}

/**
 * log of B(p, q) I_x(p, q) / (x^(p-1/2) (1-x)^(q-1/2)), in three ranges:
 * - in the middle: I_x over its derivative x^(p-1) (1-x)^(q-1) / B(p, q), so B and the powers
 *   cancel before a log is taken;
 * - I_x too small for a double: the series of DLMF 8.17.8;
 * - the derivative too small, I_x nearly 1: the result exceeds 500, logs lose no digit that counts.
 */
export function logBetaRatio(x: number, p: number, q: number): number {
  const { share, density } = evaluateBeta(x, p, q);
  const [logX, logRest] = [Math.log(x), Math.log1p(-x)];
  if (share < SMALL) return (logX + logRest) / 2 - Math.log(p) + Math.log(sumSeries(x, p, q));
  if (density < SMALL)
    return Math.log(share) + logBeta(p, q) - (p - 0.5) * logX - (q - 0.5) * logRest;
  return Math.log(share / density) - (logX + logRest) / 2;
}

/** The least double in (low, high] where a predicate that turns true once holds. */
export function bisect(low: number, high: number, holds: (x: number) => boolean): number {
  let [below, above] = [low, high];
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = below + (above - below) / 2;
    if (middle <= below || middle >= above) break;
    if (holds(middle)) above = middle;
    else below = middle;
  }
  return above;
}

/** Throws unless k of n is a count and a rate lies inside (0, 1). Counts may be scaled: no integers. */
export function checkCounts(k: number, n: number, rate: number): void {
  if (k >= 0 && k <= n && n < Number.MAX_SAFE_INTEGER && rate > 0 && rate < 1) return;
  throw new LimenError("internal", `certify: ${k} of ${n} at ${rate}: not counts and a rate`);
}
