// Learners come and go under load: 1, then 4, then 2.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startTestKafka, type TestKafka } from "../support/broker.ts";
import { findEnvoy } from "../support/envoy.ts";
import { waitForDecider } from "../support/roles.ts";
import { openStage, type Stage } from "./crash-stage.ts";
import { driveWhole, expectWhole } from "./crash-whole.ts";

const PARTITIONS = 6;
const STEP_MS = 1_500;

let kafka: TestKafka | undefined;
let stage: Stage | undefined;
beforeAll(async () => {
  if (!(await findEnvoy())) return;
  kafka = await startTestKafka();
  if (!kafka) return;
  const own = { prefix: "storm.", partitions: PARTITIONS, learners: 1, servers: 1 };
  stage = await openStage(kafka, own);
});
afterAll(async () => {
  await stage?.close();
  await kafka?.remove();
});

describe("a storm of learners", () => {
  it("counts what a dull join counts, from 1 to 4 to 2 of them", async ({ skip }) => {
    if (!stage) return skip();
    const { roles } = stage;
    await waitForDecider(roles);
    const traffic = driveWhole(stage, 21);
    await sleep(STEP_MS);
    await Promise.all([roles.start("learn"), roles.start("learn"), roles.start("learn")]);
    await sleep(STEP_MS);
    const [first, second] = roles.of("learn");
    await second?.stop();
    await first?.kill9();
    await waitForDecider(roles);
    await sleep(STEP_MS);
    await traffic.end();
    await expectWhole(stage, traffic);
  }, 180_000);
});
