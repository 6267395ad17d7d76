// SipHash-2-4 (Aumasson and Bernstein, 2012): 16-byte key, 64-bit result, little-endian words.

// "somepseudorandomlygeneratedbytes", 32 bits at a time
const INITIAL0: u64 = ((0x736f6d65 as u64) << 32) | 0x70736575;
const INITIAL1: u64 = ((0x646f7261 as u64) << 32) | 0x6e646f6d;
const INITIAL2: u64 = ((0x6c796765 as u64) << 32) | 0x6e657261;
const INITIAL3: u64 = ((0x74656462 as u64) << 32) | 0x79746573;

let v0: u64 = 0;
let v1: u64 = 0;
let v2: u64 = 0;
let v3: u64 = 0;

function mixRound(): void {
  v0 += v1;
  v1 = rotl<u64>(v1, 13) ^ v0;
  v0 = rotl<u64>(v0, 32);
  v2 += v3;
  v3 = rotl<u64>(v3, 16) ^ v2;
  v0 += v3;
  v3 = rotl<u64>(v3, 21) ^ v0;
  v2 += v1;
  v1 = rotl<u64>(v1, 17) ^ v2;
  v2 = rotl<u64>(v2, 32);
}

function mixWord(word: u64): void {
  v3 ^= word;
  mixRound();
  mixRound();
  v0 ^= word;
}

export function sipHash(key0: u64, key1: u64, at: usize, length: i32): u64 {
  v0 = key0 ^ INITIAL0;
  v1 = key1 ^ INITIAL1;
  v2 = key0 ^ INITIAL2;
  v3 = key1 ^ INITIAL3;
  const end = at + (length & ~7);
  let position = at;
  for (; position < end; position += 8) mixWord(load<u64>(position));
  // The last word: the bytes left over, and the length modulo 256 on top.
  let last = (length as u64) << 56;
  const rest = length & 7;
  for (let index = 0; index < rest; index++) {
    last |= (load<u8>(position + index) as u64) << ((index << 3) as u64);
  }
  mixWord(last);
  v2 ^= 0xff;
  mixRound();
  mixRound();
  mixRound();
  mixRound();
  return v0 ^ v1 ^ v2 ^ v3;
}
