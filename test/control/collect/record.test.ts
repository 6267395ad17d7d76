import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRecord } from "../../../control/collect/record.ts";
import { writeRecord } from "../../support/record.ts";

const some = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe("readRecord", () => {
  it("reads every field where the layout puts it", () => {
    const hex = Buffer.from(
      (
        "0100 01 06 04030201 1817161514131211 2827262524232221 a1a2a3a4a5a6a7a8 34333231 0200 0100" +
        "0201 0302 05 01 02 00 0000 ffff 00 02 00 00 0000803f"
      ).replaceAll(" ", ""),
      "hex",
    );
    expect(readRecord(hex)).toEqual({
      status: 1,
      reason: 6,
      seq: 0x01020304,
      vm: 0x1112131415161718n,
      timeNs: 0x2122232425262728n,
      tableDigest: "a1a2a3a4a5a6a7a8",
      tableSerial: 0x31323334,
      models: [
        { segment: 0x0102, bin: 0x0203, tag: 5, arm: 1, mode: 2 },
        { segment: 0, bin: null, tag: 0, arm: 2, mode: 0 },
      ],
      vector: Float32Array.of(1),
    });
  });

  it("gives null for a record without a vector", () => {
    expect(readRecord(writeRecord()).vector).toBeNull();
  });

  it("reads a record that does not begin at the start of its buffer", () => {
    const whole = new Uint8Array([9, 9, 9, ...writeRecord({ seq: 7 })]);
    expect(readRecord(whole.subarray(3)).seq).toBe(7);
  });

  it.each([
    ["status", { status: 2 }, { status: 3 }],
    ["reason", { reason: 13 }, { reason: 14 }],
    ["count of models", { models: some(8, {}) }, { models: some(9, {}) }],
    ["length of the vector", { vector: some(512, 0) }, { vector: some(513, 0) }],
    ["segment", { models: [{ segment: 1023 }] }, { models: [{ segment: 1024 }] }],
    ["bin", { models: [{ bin: 4095 }] }, { models: [{ bin: 4096 }] }],
    ["bin", { models: [{ bin: 65535 }] }, { models: [{ bin: 65534 }] }],
    ["tag", { models: [{ tag: 16 }] }, { models: [{ tag: 17 }] }],
    ["arm", { models: [{ arm: 4 }] }, { models: [{ arm: 5 }] }],
    ["mode", { models: [{ mode: 2 }] }, { models: [{ mode: 3 }] }],
    ["format", { format: 1 }, { format: 2 }],
  ])("takes the last %s there is and refuses the next", (name, last, next) => {
    expect(() => readRecord(writeRecord(last))).not.toThrow();
    expect(() => readRecord(writeRecord(next))).toThrow(name);
  });

  it("refuses a record cut or lengthened anywhere", () => {
    const whole = writeRecord({ models: [{}, {}], vector: [1, 2] });
    for (let length = 0; length < whole.length; length++) {
      expect(() => readRecord(whole.subarray(0, length))).toThrow(/decision record/);
    }
    expect(() => readRecord(new Uint8Array([...whole, 0]))).toThrow(/instead of/);
  });

  it("answers any bytes with a record or an error of its own", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          readRecord(bytes);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: "input" });
        }
      }),
    );
  });
});
