import { describe, expect, it } from "vitest";
import { createLearner } from "../../../../control/learn/follow.ts";
import { TABLES_MIN } from "../../../../control/learn/join/state.ts";
import { aLabel, anIdDecision, aSource, aTick, labelSettings } from "../../../support/labels.ts";
import { createMemoryLog } from "../../../support/memory-log.ts";

const TABLES = 2_000;
/** The window is 3 s: decisions of some 90 tables are held. */
const APART_MS = 100;

const digestOf = (table: number): string => table.toString(16).padStart(16, "0");

/** One decision a table, then a label for the model of that table's own name. */
async function run() {
  const clock = { now: 1_000_000 };
  const log = createMemoryLog({ now: () => clock.now });
  for (let table = 0; table < TABLES; table++) {
    clock.now += APART_MS;
    const models = [{ arm: 2, bin: 100 }];
    await log.append([
      anIdDecision({ id: table, seq: table, tableDigest: digestOf(table), models }),
    ]);
    await log.append([aLabel({ id: table, label: 1, model: `model-${table % 7}` })]);
  }
  clock.now += 30_000;
  await log.append([aTick()]);
  const learner = await createLearner({
    log,
    namesOf: (digest) => ({
      segments: ["rest"],
      models: [{ name: `model-${Number.parseInt(digest, 16) % 7}`, digest: "b0" }],
    }),
    labels: labelSettings(aSource({ windowMs: 3_000 })),
  });
  let most = 0;
  while ((await learner.step()) > 0) {
    most = Math.max(most, learner.states[0]?.joining?.join.tables.length ?? 0);
  }
  return { most, fates: learner.states[0]?.joining?.join.fates };
}

describe("the join, under ever new tables", () => {
  it("joins labels by the names of the models of each, and forgets those nobody needs", async () => {
    const { most, fates } = await run();
    expect(fates).toMatchObject({ joined: TABLES, unscored: 0 });
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(TABLES_MIN);
  });
});
