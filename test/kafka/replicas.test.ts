// Three brokers, three copies of everything, two of which an append waits for; one is killed.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApplyAnswer } from "../../control/api/views.ts";
import { startTestKafka, type TestKafka } from "../support/broker.ts";
import { findEnvoy, waitFor } from "../support/envoy.ts";
import { waitForDecider } from "../support/roles.ts";
import { openStage, type Stage } from "./crash-stage.ts";
import { driveWhole, expectWhole } from "./crash-whole.ts";

const SHORT_MS = 2_000;

let kafka: TestKafka | undefined;
let stage: Stage | undefined;
beforeAll(async () => {
  if (!(await findEnvoy())) return;
  kafka = await startTestKafka({ nodes: 3 });
  if (!kafka) return;
  const copies = { replication: 3, minInsync: 2 };
  stage = await openStage(kafka, { prefix: "replicas.", learners: 2, ...copies });
}, 240_000);
afterAll(async () => {
  await stage?.close();
  await kafka?.remove();
});

describe("roles apart on three brokers of which one is killed by -9", () => {
  it("lose nothing, count on and publish on", async ({ skip }) => {
    if (!stage || !kafka) return skip();
    const { roles } = stage;
    await waitForDecider(roles);
    const traffic = driveWhole(stage, 22);
    await sleep(SHORT_MS);
    await kafka.nodes[1]?.kill9();
    const before = traffic.acknowledged.length;
    await waitFor(
      "labels that are taken without it",
      () => (traffic.acknowledged.length > before + 20 ? true : null),
      60_000,
    );
    const { changed } = await waitFor(
      "a table without it",
      async () => {
        const body = { set: { "bot.bot.cut": 0.3 }, by: "test" };
        return (await waitForDecider(roles)).post<ApplyAnswer>("/v1/apply", body);
      },
      60_000,
    );
    await sleep(SHORT_MS);
    await traffic.end();
    expect(changed).toBe(true);
    await expectWhole(stage, traffic);
  }, 240_000);
});
