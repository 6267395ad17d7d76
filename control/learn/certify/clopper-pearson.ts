import { bisect, checkCounts, upperBeta } from "./beta.ts";

/**
 * Whether k of n certifies "rate <= a" at one look: at rate a, k or fewer events have probability
 * d at most. P(Bin(n, a) <= k) = 1 - I_a(k+1, n-k) (DLMF 8.17.5).
 */
export function certifiesOnce(k: number, n: number, a: number, d: number): boolean {
  checkCounts(k, n, a);
  return k < n && upperBeta(a, k + 1, n - k) <= d;
}

/** Upper Clopper-Pearson bound of the rate at confidence 1 - d: BetaInv(1-d; k+1, n-k). */
export function boundOnce(k: number, n: number, d: number): number {
  if (k >= n) return 1;
  return bisect(k / n, 1, (a) => a >= 1 || (a > 0 && certifiesOnce(k, n, a, d)));
}

/** Lower Clopper-Pearson bound of the rate at confidence 1 - d. */
export function lowerBoundOnce(k: number, n: number, d: number): number {
  return n === 0 ? 0 : 1 - boundOnce(n - k, n, d);
}
