import {
  BUCKETS_MAX,
  BYTE_CLASSES_MAX,
  FEATURES_MAX,
  GRAM_MAX,
  NAME_BYTES_MAX,
  PATTERN_ELEMENTS_MAX,
  PATTERN_SETS_MAX,
  PATTERNS_MAX,
  SCAN_BYTES_MAX,
} from "../../models/limits.ts";
import { SOURCE_CLOCK, SOURCE_HEADERS } from "../../models/measures.ts";
import { type ByteWriter, createWriter } from "./bytes.ts";
import { checkCap, checkWhole, refuse } from "./cap.ts";
import { classOfFeature } from "./classes.ts";
import {
  BLOCK_MEASURES,
  CLOCK_MEASURES,
  type FeatureField,
  MEASURES,
  type Measure,
} from "./names.ts";
import { nearestHint } from "./nearest.ts";
import { type ByteClass, parsePattern, uniteClasses } from "./patterns.ts";
import { type BytePool, createShared, type Shared, toBytes } from "./pool.ts";
import { addSource, parseSource, type Source, writeSpan } from "./sources.ts";
import type { Feature } from "./table.ts";

const FIELDS: readonly FeatureField[] = [
  "any",
  "fold",
  "except",
  "split",
  "ratio",
  "buckets",
  "gram",
  "weights",
];

type PatternSet = { first: number; start: number; count: number };

/** What features share: equal classes and pattern sets are written once. */
type Shares = {
  classes: Shared<ByteClass>;
  sets: Shared<PatternSet>;
  /** Element indices, one list a pattern. */
  patterns: number[][];
  weights: Shared<{ start: number; values: Float32Array }>;
};

/** The measure a feature asks for, its fields checked against what that measure takes. */
export function findMeasure(field: string, feature: Feature): Measure {
  const measure = MEASURES[feature.is];
  if (!measure) {
    throw refuse(
      `${field}.is`,
      `"${feature.is}" is no measure${nearestHint(feature.is, Object.keys(MEASURES))}`,
    );
  }
  for (const name of FIELDS) {
    const given = feature[name] !== undefined;
    if (given && !measure.takes.includes(name)) {
      throw refuse(`${field}.${name}`, `"${feature.is}" does not take it; remove it`);
    }
    if (!given && measure.needs.includes(name)) {
      throw refuse(field, `"${feature.is}" needs "${name}"`);
    }
  }
  const kind = parseSource(`${field}.of`, feature.of).kind;
  const onClock = CLOCK_MEASURES.includes(feature.is);
  if ((kind === SOURCE_CLOCK) !== onClock) {
    throw refuse(field, `"${feature.is}" cannot be measured on "${feature.of}"`);
  }
  if (kind === SOURCE_HEADERS && !BLOCK_MEASURES.includes(feature.is)) {
    throw refuse(field, `"${feature.is}" cannot be measured on the block of all headers`);
  }
  return measure;
}

function addClass(shares: Shares, set: ByteClass): number {
  const index = shares.classes.add(Buffer.from(set).toString("hex"), () => set);
  checkCap("byte classes", shares.classes.items().length, BYTE_CLASSES_MAX);
  return index;
}

function addPatternSet(shares: Shares, field: string, feature: Feature): number {
  const any = feature.any ?? [];
  if (any.length === 0) throw refuse(`${field}.any`, "is empty; give at least one pattern");
  const parsed = any.map((text) => parsePattern(`${field}.any`, text, feature.fold === true));
  const elements = parsed.map((classes) => classes.map((set) => addClass(shares, set)));
  const index = shares.sets.add(JSON.stringify(elements), () => {
    const start = shares.patterns.length;
    shares.patterns.push(...elements);
    const starts = parsed.map((classes) => classes[0]).filter((set) => set !== undefined);
    return { first: addClass(shares, uniteClasses(starts)), start, count: elements.length };
  });
  checkCap("pattern sets", shares.sets.items().length, PATTERN_SETS_MAX);
  checkCap("patterns", shares.patterns.length, PATTERNS_MAX);
  checkCap("pattern elements", shares.patterns.flat().length, PATTERN_ELEMENTS_MAX);
  return index;
}

function checkPowerOfTwo(field: string, value: number): void {
  checkWhole(field, value, 2, BUCKETS_MAX);
  if ((value & (value - 1)) !== 0) throw refuse(field, `${value} is not a power of two`);
}

function addWeights(shares: Shares, field: string, values: Float32Array): [number, number] {
  checkPowerOfTwo(`${field}.weights`, values.length);
  if (!values.every(Number.isFinite)) throw refuse(`${field}.weights`, "not all are finite");
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const index = shares.weights.add(bytes.toString("latin1"), () => {
    const last = shares.weights.items().at(-1);
    return { start: last ? last.start + last.values.length : 0, values };
  });
  return [values.length, shares.weights.items()[index]?.start ?? 0];
}

/** The three arguments of a feature. */
function addArguments(shares: Shares, field: string, feature: Feature): [number, number, number] {
  switch (feature.is) {
    case "matches":
    case "contains":
    case "equals":
      return [addPatternSet(shares, field, feature), 0, 0];
    case "hash":
      checkPowerOfTwo(`${field}.buckets`, feature.buckets ?? 0);
      return [feature.buckets ?? 0, 0, 0];
    case "grams":
      checkWhole(`${field}.gram`, feature.gram ?? 0, 1, GRAM_MAX);
      return [
        feature.gram ?? 0,
        ...addWeights(shares, field, feature.weights ?? new Float32Array()),
      ];
    default: {
      const set = classOfFeature(field, feature);
      return [set ? addClass(shares, set) : 0, 0, 0];
    }
  }
}

export type FeatureSections = {
  features: Uint8Array;
  classes: Uint8Array;
  patternSets: Uint8Array;
  patterns: Uint8Array;
  elements: Uint8Array;
  gramWeights: Uint8Array;
};

function writeShares(shares: Shares): Omit<FeatureSections, "features"> {
  const writers = Array.from({ length: 5 }, createWriter) as [
    ByteWriter,
    ByteWriter,
    ByteWriter,
    ByteWriter,
    ByteWriter,
  ];
  const [classes, patternSets, patterns, elements, gramWeights] = writers;
  for (const set of shares.classes.items()) classes.bytes(set);
  for (const set of shares.sets.items()) {
    for (const value of [set.first, set.start, set.count, 0]) patternSets.u16(value);
  }
  for (const pattern of shares.patterns) {
    patterns.u32(elements.length() / 2);
    patterns.u32(pattern.length);
    for (const element of pattern) elements.u16(element);
  }
  for (const { values } of shares.weights.items())
    for (const value of values) gramWeights.f32(value);
  return {
    classes: classes.done(),
    patternSets: patternSets.done(),
    patterns: patterns.done(),
    elements: elements.done(),
    gramWeights: gramWeights.done(),
  };
}

/** KIND_FEATURES and the sections it points into. */
export function writeFeatures(
  features: readonly Feature[],
  sources: Shared<Source>,
  pool: BytePool,
): FeatureSections {
  checkCap("features", features.length, FEATURES_MAX);
  const shares: Shares = {
    classes: createShared(),
    sets: createShared(),
    patterns: [],
    weights: createShared(),
  };
  const writer = createWriter();
  for (const feature of features) {
    const field = `feature "${feature.name}"`;
    if (feature.name === "") throw refuse("features", "a name is empty; name every feature");
    checkCap(`${field}: bytes of the name`, toBytes(feature.name).length, NAME_BYTES_MAX);
    const measure = findMeasure(field, feature);
    const scan = feature.max ?? SCAN_BYTES_MAX;
    checkWhole(`${field}.max`, scan, 1, SCAN_BYTES_MAX);
    writer.u16(addSource(sources, `${field}.of`, feature.of));
    writer.u16(feature.ratio ? (measure.ratioId ?? measure.id) : measure.id);
    for (const value of addArguments(shares, field, feature)) writer.u32(value);
    writer.u32(scan);
    writer.u32(0);
    writeSpan(writer, pool.add(feature.name));
  }
  return { features: writer.done(), ...writeShares(shares) };
}
