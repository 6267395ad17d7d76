// MurmurHash3, x86 32 bit, seed 0: what feature hashing in the usual training libraries uses.

const C1: u32 = 0xcc9e2d51;
const C2: u32 = 0x1b873593;

function mixBlock(block: u32): u32 {
  return rotl<u32>(block * C1, 15) * C2;
}

export function murmur3(at: usize, length: i32): u32 {
  const blocks = at + (length & ~3);
  let hash: u32 = 0;
  let position = at;
  for (; position < blocks; position += 4) {
    hash = rotl<u32>(hash ^ mixBlock(load<u32>(position)), 13) * 5 + 0xe6546b64;
  }
  let tail: u32 = 0;
  const rest = length & 3;
  if (rest > 2) tail |= (load<u8>(position + 2) as u32) << 16;
  if (rest > 1) tail |= (load<u8>(position + 1) as u32) << 8;
  if (rest > 0) hash ^= mixBlock(tail | (load<u8>(position) as u32));
  hash ^= length as u32;
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  return hash ^ (hash >> 16);
}
