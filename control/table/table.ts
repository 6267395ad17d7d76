/**
 * A table as a value: what `encodeTable` writes and people never see as bytes. Sources, byte
 * classes and patterns are named here as in model.yaml; the writer shares equal ones.
 */

/** `method path query target authority headers clock source.address connection.mtls`, or
 * `header:NAME`, `cookie:NAME`, `parameter:NAME`. */
export type SourceText = string;

/** One feature of the vector; the fields are those of model.yaml (models/README.md). */
export type Feature = {
  name: string;
  of: SourceText;
  /** A measure: present count length number digits upper special percent nonascii control
   * bytes matches entropy longest-run longest-token longest-segment longest-name
   * extension-length depth parameter-count contains equals hash grams hour weekday. */
  is: string;
  /** Patterns of matches, contains and equals: literal bytes, `\xNN`, `\\`, `[a-z0-9]` classes. */
  any?: readonly string[];
  /** Patterns also match the other ASCII case. */
  fold?: boolean;
  /** Special: bytes that do not count; longest-token: the bytes that separate. */
  except?: string;
  split?: string;
  /** Byte class counts as a share of the length. */
  ratio?: boolean;
  /** Bytes looked at. */
  max?: number;
  /** Hash: buckets, a power of two. */
  buckets?: number;
  /** Grams: bytes a gram, and the weights (a power of two of them). */
  gram?: number;
  weights?: Float32Array;
};

/** A node of a tree before packing: `x <= threshold` goes left. */
export type TreeNode =
  | { slot: number; threshold: number; left: TreeNode; right: TreeNode }
  | { leaf: readonly number[] };

export type Slot = { feature: number; nan: "keep" | "low" | "high" };

export type Kernel =
  | {
      kind: "trees";
      /** In ONNX order: the order of the sum. A leaf holds one value a class. */
      trees: readonly TreeNode[];
      /** ONNX aggregate AVERAGE: the sum is divided by this before the base is added; else 1. */
      divisor: number;
      accumulator: "f32" | "f64";
    }
  | {
      kind: "linear";
      /** weights[class][slot] and intercept in `base`. */
      weights: readonly (readonly number[])[];
    };

export type ModelScore = {
  slots: readonly Slot[];
  kernel: Kernel;
  /** Added last, one a class. */
  base: readonly number[];
  output: "identity" | "logistic" | "softmax";
  /** Which of the raw scores is the model's; 0 without softmax. */
  class: number;
  /** Range of what is binned: the raw score, or the score with softmax. */
  lo: number;
  hi: number;
};

export type Mode = "off" | "shadow" | "tag";
export type Tag = { header: string; value: string };

export type Model = ModelScore & {
  name: string;
  /** Ascending: a higher cut for a later tag. */
  tags: readonly Tag[];
  /** One a segment, segment 0 first. */
  modes: readonly Mode[];
  /** cuts[segment][tag]: 0 to 4096; 4096 tags nothing. */
  cuts: readonly (readonly number[])[];
  candidateCuts?: readonly (readonly number[])[];
};

export type Segments = {
  of: SourceText;
  match: "prefix" | "equals";
  /** Names in the order of their numbers; the first is the rest. */
  names: readonly string[];
  entries: readonly { text: string; segment: number }[];
};

export type Exempt = { of: SourceText; match: "prefix" | "equals"; text: string };

export type Table = {
  serial: number;
  /** Shares 0 to 1. */
  audit: number;
  extra: number;
  extraWidth: number;
  candidate: number;
  vector: number;
  /** 64 bits; mixed with the hour of the clock at draw time. */
  salt: bigint;
  /** 16 bytes. */
  tokenKey: Uint8Array;
  trustMesh: boolean;
  token: boolean;
  record: boolean;
  features: readonly Feature[];
  models: readonly Model[];
  segments: Segments;
  exempt: readonly Exempt[];
  /** Header names the block measures leave out; a trailing `*` is a prefix. */
  ignored: readonly string[];
};
