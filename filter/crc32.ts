// CRC-32 (IEEE 802.3, reflected, as zlib computes it).

const TABLE: usize = memory.data(256 * 4);
let isBuilt: bool = false;

function buildTable(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) {
      value = (value & 1) !== 0 ? (value >> 1) ^ 0xedb88320 : value >> 1;
    }
    store<u32>(TABLE + (byte << 2), value);
  }
  isBuilt = true;
}

export function crc32(at: usize, length: u32): u32 {
  if (!isBuilt) buildTable();
  const end = at + length;
  let crc: u32 = 0xffffffff;
  for (; at < end; at++) {
    crc = load<u32>(TABLE + (((crc ^ (load<u8>(at) as u32)) & 255) << 2)) ^ (crc >> 8);
  }
  return ~crc;
}
