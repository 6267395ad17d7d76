// Comparing bytes in place.

/** A to Z as a to z, all else as it is. */
export function foldByte(byte: i32): i32 {
  return ((byte - 0x41) as u32) < 26 ? byte | 0x20 : byte;
}

export function equalBytes(one: usize, other: usize, length: i32): bool {
  for (let at = 0; at < length; at++) {
    if (load<u8>(one + at) !== load<u8>(other + at)) return false;
  }
  return true;
}

/** Equal when the letters of the first are folded; the second is in lower case already. */
export function equalFolded(one: usize, lower: usize, length: i32): bool {
  for (let at = 0; at < length; at++) {
    if (foldByte(load<u8>(one + at)) !== (load<u8>(lower + at) as i32)) return false;
  }
  return true;
}

/** Below 0, 0 or above 0, by bytes and then by length. */
export function compareBytes(one: usize, oneLength: i32, other: usize, otherLength: i32): i32 {
  const shared = min(oneLength, otherLength);
  for (let at = 0; at < shared; at++) {
    const difference = (load<u8>(one + at) as i32) - (load<u8>(other + at) as i32);
    if (difference !== 0) return difference;
  }
  return oneLength - otherLength;
}
