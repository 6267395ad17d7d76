import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHashId } from "../../../control/collect/hash-id.ts";

const MASK = (1n << 64n) - 1n;
const rotate = (value: bigint, bits: bigint): bigint =>
  ((value << bits) | (value >> (64n - bits))) & MASK;
const word = (bytes: Uint8Array, at: number): bigint => Buffer.from(bytes).readBigUInt64LE(at);

/** SipHash-2-4 as its paper writes it, in whole 64-bit words. */
function dullHash(key: Uint8Array, id: Uint8Array): bigint {
  const [k0, k1] = [word(key, 0), word(key, 8)];
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const round = (): void => {
    v0 = (v0 + v1) & MASK;
    v1 = rotate(v1, 13n) ^ v0;
    v0 = rotate(v0, 32n);
    v2 = (v2 + v3) & MASK;
    v3 = rotate(v3, 16n) ^ v2;
    v0 = (v0 + v3) & MASK;
    v3 = rotate(v3, 21n) ^ v0;
    v2 = (v2 + v1) & MASK;
    v1 = rotate(v1, 17n) ^ v2;
    v2 = rotate(v2, 32n);
  };
  const padded = Buffer.alloc(8 * (Math.floor(id.length / 8) + 1));
  padded.set(id);
  padded[padded.length - 1] = id.length & 255;
  for (let at = 0; at < padded.length; at += 8) {
    v3 ^= word(padded, at);
    round();
    round();
    v0 ^= word(padded, at);
  }
  v2 ^= 0xffn;
  for (let count = 0; count < 4; count++) round();
  return v0 ^ v1 ^ v2 ^ v3;
}

const upTo = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, at) => at);

describe("createHashId", () => {
  it("gives the example of the SipHash paper, appendix A", () => {
    const hash = createHashId(upTo(16))(upTo(15));
    expect(word(hash, 0)).toBe(0xa129ca6149be45e5n);
  });

  it("agrees with 64-bit arithmetic for any key and id", () => {
    const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(key, fc.uint8Array({ maxLength: 300 }), (key, id) => {
        expect(word(createHashId(key)(id), 0)).toBe(dullHash(key, id));
      }),
    );
  });
});
