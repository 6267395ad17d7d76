import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DemoResult } from "../../control/demo/result.ts";
import { startTestKafka, type TestKafka } from "../support/broker.ts";

const LIMEN = join(import.meta.dirname, "../../control/cli/limen.js");
type Ended = { code: number | null; stdout: string; stderr: string };

function runDemo(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [LIMEN, "demo", "--once", "-o", "json", ...args]);
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (part) => {
    text.stdout += part;
  });
  child.stderr.on("data", (part) => {
    text.stderr += part;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, ...text })));
}

const kafka: TestKafka | undefined = await startTestKafka();
afterAll(() => kafka?.remove());

describe.runIf(kafka)("limen demo --kafka", () => {
  let ended: Ended;
  let result: DemoResult;

  beforeAll(async () => {
    ended = await runDemo(["--kafka", "--requests", "20000", "--seed", "7002"]);
    if (ended.stdout === "") throw new Error(`no report: ${ended.stderr}`);
    result = JSON.parse(ended.stdout) as DemoResult;
  }, 240_000);

  it("meets the same conditions with the events in a real Kafka", () => {
    expect({ code: ended.code, failures: result.failures }).toEqual({ code: 0, failures: [] });
  });

  it("says which brokers and topics it took", () => {
    expect(ended.stderr).toMatch(/event log kafka:\/\/127\.0\.0\.1:\d+, 3 partitions/);
  });

  it("counts no more records lost than requests came while the service was away", () => {
    expect(result.loss).toBeLessThanOrEqual(result.outage?.requests ?? 0);
  });
});

describe.runIf(kafka)("limen demo --brokers", () => {
  it("takes a Kafka that runs already, with topics of its own", async () => {
    const brokers = kafka?.brokers.join(",") ?? "";
    const args = ["--brokers", brokers, "--requests", "16000", "--label-missing", "0.4"];
    const { code, stderr } = await runDemo(args);
    expect({ code, stderr }).toMatchObject({ code: 3 });
    expect(stderr).toMatch(/topics demo-\w+\.limen\.\*; remove them later/);
  });
});
