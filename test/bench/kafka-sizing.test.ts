import { describe, expect, it } from "vitest";
import { type Constants, type Deployment, sizeDeployment } from "./kafka-sizing.ts";

// Round numbers, so that each expectation can be worked out in the head.
const CONSTANTS: Constants = {
  collectorPerSecond: 20_000,
  learnerPerSecond: 10_000,
  deciderPerSecond: 1_000,
  brokerPerSecond: 100_000,
  entryBytes: 300,
  decisionBytes: 200,
  labelBytes: 100,
  labelShare: 0.5,
  countsRecords: 10,
  countsBytes: 50,
  collectorBytes: 100e6,
  learnerBytes: 200e6,
  heldBytes: 100,
};
const DEPLOYMENT: Deployment = {
  requestsPerSecond: 100_000,
  keepSeconds: 1_000,
  windowSeconds: 100,
  replication: 2,
  headroom: 0.5,
  holdMax: 1_000_000,
};
const size = (changes: Partial<Deployment> = {}) =>
  sizeDeployment(CONSTANTS, { ...DEPLOYMENT, ...changes });

describe("sizeDeployment", () => {
  it("uses half of each process when half is left to catch up", () => {
    expect(size()).toMatchObject({ collectors: 10, learners: 20 });
  });

  it("takes one process of each kind however small the rate", () => {
    expect(size({ requestsPerSecond: 1 })).toMatchObject({ collectors: 1, learners: 1 });
  });

  it("makes two partitions a learner, and 12 at the least", () => {
    expect(size().partitions).toBe(40);
    expect(size({ requestsPerSecond: 1 }).partitions).toBe(12);
  });

  it("counts each copy of decisions and labels at the brokers", () => {
    // (100,000 + 50,000) * 2 copies over 50,000 a broker.
    expect(size().brokers).toBe(6);
    expect(size({ requestsPerSecond: 1 }).brokers).toBe(2);
  });

  it("adds decisions, labels and counts up to the bytes a second", () => {
    // Decisions 20 MB, labels 5 MB, counts 40 * 10 * 50 B = 20 kB, twice.
    expect(size().appendedBytes).toBeCloseTo(50.04e6, 0);
    expect(size().receivedBytes).toBe(30e6);
  });

  it("keeps decisions and labels with all copies as long as asked", () => {
    expect(size().keptBytes).toBe(25e6 * 1_000 * 2);
  });

  it("holds a random part once three windows are more than a partition's room", () => {
    // 2,500/s a partition over 300 s are 750,000.
    expect(size().heldShare).toBe(1);
    expect(size().learnerBytes).toBe(200e6 + 2 * 750_000 * 100);
    expect(size({ windowSeconds: 400 }).heldShare).toBeCloseTo(1 / 3, 9);
    expect(size({ windowSeconds: 400 }).learnerBytes).toBe(200e6 + 2 * 1_000_000 * 100);
  });

  it("names the deciding process once it has the most to do", () => {
    // 80 partitions * 10 records over 1,000: 0.8, and learners 0.5.
    expect(size({ requestsPerSecond: 200_000 }).deciderShare).toBeCloseTo(0.8, 9);
    expect(size({ requestsPerSecond: 200_000 }).saturates).toContain("deciding");
    expect(size({ requestsPerSecond: 4_900 }).saturates).toContain("learners");
  });
});
