import { bisect, checkCounts, logBetaRatio } from "./beta.ts";

/**
 * log E(k, n, a): the evidence that k events in n trials have a rate below a. E is the likelihood
 * under a mixture of the rates below a (arcsine weights, Beta(1/2, 1/2) cut off at a) over the
 * likelihood under a:
 *
 *   E = B(k+1/2, n-k+1/2) I_a(k+1/2, n-k+1/2) / (B(1/2, 1/2) I_a(1/2, 1/2) a^k (1-a)^(n-k))
 *
 * and B(1/2, 1/2) I_a(1/2, 1/2) = 2 asin(sqrt(a)). A supermartingale under every rate >= a, so
 * looking as often as one likes costs nothing (Ville); it falls in k.
 */
export function logE(k: number, n: number, a: number): number {
  checkCounts(k, n, a);
  // Before the first trial both likelihoods are 1; the library's derivative is wrong at 1/2, 1/2.
  if (n === 0) return 0;
  return logBetaRatio(a, k + 0.5, n - k + 0.5) - Math.log(2 * Math.asin(Math.sqrt(a)));
}

/** Whether k of n certifies "rate <= a" at any number of looks, wrong with probability d at most. */
export function certifiesRepeated(k: number, n: number, a: number, d: number): boolean {
  return logE(k, n, a) >= -Math.log(d);
}

/** Upper bound of the rate: the least a that k of n certifies. 1 when none below 1 is. */
export function boundRepeated(k: number, n: number, d: number): number {
  // Above k/n log E rises with a once it is positive; at 1 the claim says nothing.
  if (k >= n) return 1;
  return bisect(k / n, 1, (a) => a >= 1 || (a > 0 && certifiesRepeated(k, n, a, d)));
}
