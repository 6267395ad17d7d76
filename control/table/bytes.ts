/** Little-endian bytes that grow as they are written. */
export type ByteWriter = {
  u8: (value: number) => void;
  u16: (value: number) => void;
  u32: (value: number) => void;
  u64: (value: bigint) => void;
  f32: (value: number) => void;
  f64: (value: number) => void;
  bytes: (value: Uint8Array) => void;
  /** Bytes written so far. */
  length: () => number;
  /** A copy of what was written. */
  done: () => Uint8Array;
};

export function createWriter(): ByteWriter {
  let buffer = new Uint8Array(256);
  let view = new DataView(buffer.buffer);
  let at = 0;
  const reserve = (size: number): number => {
    if (at + size > buffer.length) {
      const grown = new Uint8Array(Math.max(buffer.length * 2, at + size));
      grown.set(buffer.subarray(0, at));
      buffer = grown;
      view = new DataView(buffer.buffer);
    }
    at += size;
    return at - size;
  };
  // `reserve` may replace the view, so it runs before the view is read.
  const put = (size: number, write: (position: number) => void): void => write(reserve(size));
  return {
    u8: (value) => put(1, (position) => view.setUint8(position, value)),
    u16: (value) => put(2, (position) => view.setUint16(position, value, true)),
    u32: (value) => put(4, (position) => view.setUint32(position, value, true)),
    u64: (value) => put(8, (position) => view.setBigUint64(position, value, true)),
    f32: (value) => put(4, (position) => view.setFloat32(position, value, true)),
    f64: (value) => put(8, (position) => view.setFloat64(position, value, true)),
    bytes: (value) => put(value.length, (position) => buffer.set(value, position)),
    length: () => at,
    done: () => buffer.slice(0, at),
  };
}
