import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { encodeTable, modelDigest } from "../../../control/table/encode.ts";
import { tableDigest } from "../../../control/table/seal.ts";
import { crcBitwise, readSections, sectionBytes } from "./read-sections.ts";
import { FEATURES, linearModel, sampleModel, sampleTable, stump } from "./samples.ts";

const BYTES = Buffer.from(encodeTable(sampleTable()));

describe("encodeTable", () => {
  it("begins with magic, layout 1, no flags, its length and its serial", () => {
    expect(BYTES.toString("latin1", 0, 4)).toBe("LIMN");
    expect([BYTES.readUInt16LE(4), BYTES.readUInt16LE(6)]).toEqual([1, 0]);
    expect([BYTES.readUInt32LE(8), BYTES.readUInt32LE(24)]).toEqual([BYTES.length, 7]);
  });

  it("carries the CRC-32 of all bytes from the digest on", () => {
    expect(BYTES.readUInt32LE(12)).toBe(crcBitwise(BYTES.subarray(16)));
  });

  it("carries the first 8 bytes of SHA-256 with digest and CRC zero", () => {
    const neutral = Buffer.from(BYTES);
    neutral.fill(0, 12, 24);
    const hash = createHash("sha256").update(neutral).digest();
    expect(BYTES.subarray(16, 24).equals(hash.subarray(0, 8))).toBe(true);
    expect(tableDigest(BYTES)).toBe(hash.toString("hex", 0, 8));
  });

  it("lays sections out sorted, 8-byte aligned, without hole or overlap, padded by 0", () => {
    let end = 32 + 16 * readSections(BYTES).length;
    let last = -1;
    for (const { kind, index, offset, bytes } of readSections(BYTES)) {
      expect(kind * 100 + index).toBeGreaterThan(last);
      last = kind * 100 + index;
      expect(offset).toBe(end);
      end = offset + Math.ceil(bytes.length / 8) * 8;
      expect(BYTES.subarray(offset + bytes.length, end).every((byte) => byte === 0)).toBe(true);
    }
    expect(end).toBe(BYTES.length);
  });

  it("writes each kind exactly once, and each kind of a model once a model", () => {
    const two = encodeTable(sampleTable({ models: [sampleModel(), linearModel()] }));
    const keys = readSections(two).map(({ kind, index }) => `${kind}:${index}`);
    const ofTable = Array.from({ length: 13 }, (_, at) => `${at + 1}:0`);
    const ofModels = Array.from({ length: 10 }, (_, at) => [`${at + 32}:0`, `${at + 32}:1`]).flat();
    expect(keys).toEqual([...ofTable, ...ofModels]);
  });

  it("gives the same bytes for the same table", () => {
    expect(Buffer.from(encodeTable(sampleTable())).equals(BYTES)).toBe(true);
  });

  it("writes equal sources, classes and pattern sets once", () => {
    const twice = FEATURES.flatMap((feature) => [
      feature,
      { ...feature, name: `${feature.name}2` },
    ]);
    const bytes = encodeTable(sampleTable({ features: twice }));
    for (const kind of [3, 5, 6, 7, 8]) {
      expect(sectionBytes(bytes, kind).length).toBe(sectionBytes(BYTES, kind).length);
    }
  });

  it("writes the settings in their places", () => {
    const settings = sectionBytes(BYTES, 1);
    expect(settings.length).toBe(64);
    const words = [0, 4, 8, 12, 16, 20, 52].map((at) => settings.readUInt32LE(at));
    expect(words).toEqual([2 + 4, 20_000, 10_000, 64, 0, 1_000_000, 1]);
    expect(settings.readBigUInt64LE(24)).toBe(0x0123456789abcdefn);
    expect([...settings.subarray(32, 48)]).toEqual(Array.from({ length: 16 }, (_, at) => at));
    expect([settings.readUInt16LE(50), settings.readBigUInt64LE(56)]).toEqual([1, 0n]);
  });

  it("sorts segment entries by bytes and points each to its longest prefix", () => {
    const entries = sectionBytes(BYTES, 11);
    const pool = sectionBytes(BYTES, 2);
    const read = [0, 12, 24].map((at) => {
      const start = entries.readUInt32LE(at);
      const text = pool.toString("utf8", start, start + entries.readUInt32LE(at + 4));
      return [text, entries.readUInt16LE(at + 8), entries.readUInt16LE(at + 10)];
    });
    expect(read).toEqual([
      ["/cart", 1, 0],
      ["/checkout", 1, 0],
      ["/checkout/help", 0, 2],
    ]);
  });

  it("packs children as neighbours, left first, forward of their parent", () => {
    const nodes = sectionBytes(BYTES, 35);
    const read = Array.from({ length: nodes.length / 8 }, (_, at) => [
      nodes.readFloatLE(at * 8),
      nodes.readUInt16LE(at * 8 + 4),
      nodes.readUInt16LE(at * 8 + 6),
    ]);
    expect(read).toEqual([
      [10.5, 0, 1],
      [-1, 2, 0],
      [0.5, 2, 0],
      [0.5, 1, 1],
      [3, 0, 2],
      [2, 2, 0],
      [-2, 2, 0],
      [1, 2, 0],
    ]);
    expect(sectionBytes(BYTES, 34).readUInt32LE(4)).toBe(3);
  });

  it("bins lo to hi over 4096 and keeps the base of trees beside the model", () => {
    const head = sectionBytes(BYTES, 32);
    expect([head.readDoubleLE(8), head.readDoubleLE(16)]).toEqual([-3, 4096 / 6]);
    expect([...head.subarray(32, 36)]).toEqual([2, 1, 0, 0]);
    expect([head.readFloatLE(40), head.readDoubleLE(48), head.length]).toEqual([1, 0.125, 56]);
  });

  it("writes linear weights with the intercepts behind them and no base", () => {
    const bytes = encodeTable(sampleTable({ models: [linearModel()] }));
    const weights = sectionBytes(bytes, 37);
    expect([weights.readFloatLE(0), weights.readFloatLE(4), weights.length]).toEqual([0.5, -1, 8]);
    expect(sectionBytes(bytes, 32).readDoubleLE(48)).toBe(0);
  });

  it("points leaves of several classes to shared rows", () => {
    const leaf = { leaf: [1, 2, 3] };
    const tree = { slot: 0, threshold: 1, left: leaf, right: { leaf: [0, 0, 1] } };
    const model = sampleModel({
      kernel: { kind: "trees", trees: [tree, tree], divisor: 1, accumulator: "f32" },
      ...{ base: [0, 0, 0], output: "softmax", class: 2 },
    });
    const bytes = encodeTable(sampleTable({ models: [model] }));
    const rows = sectionBytes(bytes, 36);
    expect(Array.from({ length: 6 }, (_, at) => rows.readFloatLE(at * 4))).toEqual([
      1, 2, 3, 0, 0, 1,
    ]);
    const nodes = sectionBytes(bytes, 35);
    expect([1, 2, 4, 5].map((at) => nodes.readUInt32LE(at * 8))).toEqual([0, 1, 0, 1]);
  });
});

describe("modelDigest", () => {
  const digest = modelDigest(sampleModel(), FEATURES);

  it("is the digest the table carries for the model", () => {
    expect(sectionBytes(BYTES, 32).toString("hex", 0, 8)).toBe(digest);
  });

  it("stays when tags, modes, cuts, segments and neighbours change", () => {
    const other = sampleModel({ tags: [], modes: ["off"], cuts: [[]] });
    const extra = [{ name: "extra", of: "method", is: "length" }, ...FEATURES];
    const slots = other.slots.map((slot) => ({ ...slot, feature: slot.feature + 1 }));
    expect(modelDigest(other, FEATURES)).toBe(digest);
    expect(modelDigest({ ...other, slots }, extra)).toBe(digest);
  });

  it("changes with a leaf, the range, or a feature it reads", () => {
    const kernel = { ...sampleModel().kernel, trees: [stump(0, 10.5, -1, 0.75)] };
    const read = FEATURES.map((each, at) => (at === 0 ? { ...each, max: 100 } : each));
    const digests = [
      modelDigest(sampleModel({ kernel } as never), FEATURES),
      modelDigest(sampleModel({ hi: 4 }), FEATURES),
      modelDigest(sampleModel(), read),
    ];
    expect(new Set([digest, ...digests]).size).toBe(4);
  });
});
