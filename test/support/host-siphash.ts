const MASK = 0xffffffffffffffffn;
const rotate = (value: bigint, bits: bigint): bigint =>
  ((value << bits) | (value >> (64n - bits))) & MASK;

type State = [bigint, bigint, bigint, bigint];

function mix([v0, v1, v2, v3]: State): State {
  let [a, b, c, d] = [(v0 + v1) & MASK, rotate(v1, 13n), (v2 + v3) & MASK, rotate(v3, 16n)];
  b ^= a;
  a = rotate(a, 32n);
  d ^= c;
  a = (a + d) & MASK;
  d = rotate(d, 21n) ^ a;
  c = (c + b) & MASK;
  b = rotate(b, 17n) ^ c;
  return [a, b, rotate(c, 32n), d];
}

/**
 * SipHash-2-4 of a message under a 16-byte key, written from the paper of Aumasson and Bernstein:
 * 8-byte little-endian words, the last one holding the length in its top byte.
 */
export function sipHash(key: Uint8Array, message: Uint8Array): bigint {
  const keys = Buffer.from(key);
  const [k0, k1] = [keys.readBigUInt64LE(0), keys.readBigUInt64LE(8)];
  let state: State = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const padded = Buffer.alloc((message.length & ~7) + 8);
  padded.set(message);
  padded[padded.length - 1] = message.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at);
    state[3] ^= word;
    state = mix(mix(state));
    state[0] ^= word;
  }
  state[2] ^= 0xffn;
  state = mix(mix(mix(mix(state))));
  return state[0] ^ state[1] ^ state[2] ^ state[3];
}
