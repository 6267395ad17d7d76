/** The guest's linear memory as the host sees it: every address is checked, none is trusted. */
export type GuestMemory = {
  bytes(): Buffer;
  /** A view, not a copy; undefined outside the memory. */
  read(address: number, length: number): Buffer | undefined;
  writeU32(address: number, value: number): boolean;
  writeU64(address: number, value: bigint): boolean;
  /** Asks the guest for room and fills it; an empty value is answered with pointer 0, length 0. */
  hand(value: Uint8Array, pointerAt: number, lengthAt: number): boolean;
};

export function createGuestMemory(
  memory: WebAssembly.Memory,
  allocate: (length: number) => number,
): GuestMemory {
  let view = Buffer.from(memory.buffer);
  const bytes = (): Buffer => {
    // Growth detaches the buffer: a detached view has no bytes.
    if (view.length === 0) view = Buffer.from(memory.buffer);
    return view;
  };
  const inside = (address: number, length: number): boolean => address + length <= bytes().length;
  const writeU32 = (address: number, value: number): boolean => {
    if (!inside(address >>> 0, 4)) return false;
    bytes().writeUInt32LE(value >>> 0, address >>> 0);
    return true;
  };
  return {
    bytes,
    writeU32,
    read: (address, length) =>
      inside(address >>> 0, length >>> 0)
        ? bytes().subarray(address >>> 0, (address >>> 0) + (length >>> 0))
        : undefined,
    writeU64: (address, value) => {
      if (!inside(address >>> 0, 8)) return false;
      bytes().writeBigUInt64LE(BigInt.asUintN(64, value), address >>> 0);
      return true;
    },
    hand: (value, pointerAt, lengthAt) => {
      let pointer = 0;
      if (value.length > 0) {
        pointer = allocate(value.length) >>> 0;
        if (pointer === 0 || !inside(pointer, value.length)) return false;
        bytes().set(value, pointer);
      }
      return writeU32(pointerAt, pointer) && writeU32(lengthAt, value.length);
    },
  };
}
