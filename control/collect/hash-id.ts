import { createScorer, type Scorer } from "../scorer.ts";

// Hashing leaves nothing behind in the core, so one serves all keys.
let core: Scorer | undefined;

/**
 * The function that hashes a request id as the token carries it: SipHash-2-4 (Aumasson and
 * Bernstein, 2012) by the filter's own core under the token key of 16 bytes, the 64-bit result as 8
 * little-endian bytes. It keys decisions and labels, and makes the MAC of a token.
 */
export function createHashId(tokenKey: Uint8Array): (id: Uint8Array) => Uint8Array {
  core ??= createScorer();
  const { sipHash } = core;
  return (id) => {
    const hash = new Uint8Array(8);
    new DataView(hash.buffer).setBigUint64(0, sipHash(tokenKey, id), true);
    return hash;
  };
}
