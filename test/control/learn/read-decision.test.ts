import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRecord } from "../../../control/collect/record.ts";
import { DecisionSchema } from "../../../control/events/decision_pb.ts";
import { createDecisionReader } from "../../../control/learn/read-decision.ts";
import { BIN_NONE } from "../../../models/record-layout.ts";
import { writeRecord } from "../../support/record.ts";

const digest = fc
  .array(fc.nat(15), { minLength: 16, maxLength: 16 })
  .map((digits) => digits.map((digit) => digit.toString(16)).join(""));

/** Fields at and beyond their ranges. */
const model = fc.record({
  segment: fc.constantFrom(0, 1, 300, 1_023, 1_024),
  bin: fc.constantFrom(0, 7, 4_095, BIN_NONE, 4_096),
  tag: fc.constantFrom(0, 1, 8, 9),
  arm: fc.constantFrom(0, 1, 2, 7),
  mode: fc.constantFrom(0, 1, 2, 3),
});
const record = fc
  .record({
    format: fc.constantFrom(1, 1, 1, 2),
    status: fc.constantFrom(0, 1, 2, 9),
    reason: fc.constantFrom(0, 6, 200),
    seq: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    vm: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    tableDigest: digest,
    models: fc.array(model, { maxLength: 4 }),
    vector: fc.array(fc.float({ noNaN: true }), { maxLength: 5 }),
  })
  .map(writeRecord);
const decision = fc
  .record({
    node: fc.constantFrom("", "node-1", "näher", "n".repeat(300)),
    workload: fc.string(),
    record: fc.oneof({ weight: 9, arbitrary: record }, { weight: 1, arbitrary: fc.uint8Array() }),
    requestId: fc.string(),
    responseCode: fc.constantFrom(0, 200, 503, 2 ** 32 - 1),
    responseFlags: fc.nat(2 ** 31 - 1),
    durationUs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    path: fc.string(),
    outcome: fc.constantFrom(undefined, { label: "bad" }, { label: 1 }, { other: true }, {}),
  })
  .map(({ outcome, ...rest }) => create(DecisionSchema, { ...rest, ...(outcome && { outcome }) }));

/** What the plain readers find; the text of the error when they find something wrong. */
function readPlainly(message: ReturnType<typeof create<typeof DecisionSchema>>) {
  try {
    const plain = readRecord(message.record);
    const label = message.outcome?.["label"];
    return {
      node: message.node,
      code: message.responseCode,
      flags: message.responseFlags,
      header: label === undefined ? undefined : `${label}`,
      status: plain.status,
      reason: plain.reason,
      seq: plain.seq,
      vm: plain.vm,
      tableDigest: plain.tableDigest,
      models: plain.models.map(({ segment, bin, arm }) => ({ segment, bin: bin ?? BIN_NONE, arm })),
    };
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

function readQuickly(read: ReturnType<typeof createDecisionReader>, value: Uint8Array) {
  try {
    const { vmLow, vmHigh, models, segment, bin, arm, ...own } = read(value);
    return {
      ...own,
      vm: (BigInt(vmHigh) << 32n) | BigInt(vmLow),
      models: Array.from({ length: models }, (_, at) => ({
        segment: segment[at],
        bin: bin[at],
        arm: arm[at],
      })),
    };
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

describe("createDecisionReader", () => {
  it("reads what the plain readers do, one decision after the other", () => {
    fc.assert(
      fc.property(fc.array(decision, { minLength: 1, maxLength: 12 }), (messages) => {
        const read = createDecisionReader();
        for (const message of messages) {
          const bytes = toBinary(DecisionSchema, message);
          expect(readQuickly(read, bytes)).toEqual(readPlainly(message));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("leaves fields it does not know aside, and views into larger bytes alone", () => {
    const message = create(DecisionSchema, { node: "node-1", record: writeRecord({ seq: 5 }) });
    // Field 20, 8 bytes of a fixed width, as a later version may write it.
    const later = Uint8Array.from([0xa1, 0x01, 1, 2, 3, 4, 5, 6, 7, 8]);
    const whole = Buffer.concat([Buffer.alloc(9, 255), toBinary(DecisionSchema, message), later]);
    const view = new Uint8Array(whole.buffer, whole.byteOffset + 9, whole.length - 9);
    expect(readQuickly(createDecisionReader(), view)).toEqual(readPlainly(message));
  });
});
