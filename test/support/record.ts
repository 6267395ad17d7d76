// Writes a decision record field by field, as drawn in models/record-layout.ts.

export type RecordFields = {
  format?: number;
  status?: number;
  reason?: number;
  seq?: number;
  vm?: bigint;
  timeNs?: bigint;
  tableDigest?: string;
  serial?: number;
  models?: readonly {
    segment?: number;
    bin?: number;
    tag?: number;
    arm?: number;
    mode?: number;
  }[];
  vector?: readonly number[];
};

const u16 = (value: number): number[] => [value & 0xff, value >>> 8];
const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];
const u64 = (value: bigint): number[] => [
  ...u32(Number(value & 0xffffffffn)),
  ...u32(Number(value >> 32n)),
];

export function writeRecord(fields: RecordFields = {}): Uint8Array {
  const { models = [{}], vector = [] } = fields;
  return Uint8Array.from([
    ...u16(fields.format ?? 1),
    fields.status ?? 0,
    fields.reason ?? 6,
    ...u32(fields.seq ?? 0),
    ...u64(fields.vm ?? 1n),
    ...u64(fields.timeNs ?? 2n),
    ...Buffer.from(fields.tableDigest ?? "00000000000000aa", "hex"),
    ...u32(fields.serial ?? 1),
    ...u16(models.length),
    ...u16(vector.length),
    ...models.flatMap(({ segment = 0, bin = 100, tag = 0, arm = 0, mode = 1 }) => [
      ...u16(segment),
      ...u16(bin),
      tag,
      arm,
      mode,
      0,
    ]),
    ...Buffer.from(Float32Array.from(vector).buffer),
  ]);
}
