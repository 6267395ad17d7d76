// Traffic of which no part may be missing: what takes records is not killed here.
import { expect } from "vitest";
import { findLostLabels, readRecorded, readTold, waitForCounts } from "./crash-claims.ts";
import { type Stage, WINDOW_MS } from "./crash-stage.ts";
import { startTraffic, type Traffic } from "./crash-traffic.ts";

const LABELLING = { header: 0.35, post: 0.5, twice: 0.2, delayMs: WINDOW_MS / 2 };

export function driveWhole({ roles, envoys }: Stage, seed: number): Traffic {
  const collectors = roles.of("collect");
  return startTraffic({ seed, envoys, collectors, requestsPerSecond: 40, labelling: LABELLING });
}

/** Every request was served and has its record, every acknowledged label is there, and the integers
 * are those of the dull join. */
export async function expectWhole({ roles }: Stage, traffic: Traffic): Promise<void> {
  const compared = await waitForCounts(roles.log);
  const told = await readTold(roles.log);
  const recorded = await readRecorded(roles.log, told);
  const lost = await findLostLabels(roles.log, traffic.acknowledged);
  const logs = roles.running.map((one) => `--- ${one.name}\n${one.readLog()}`).join("\n");
  expect([...compared.faults, ...told.faults, ...recorded.faults], logs).toEqual([]);
  expect({
    statuses: [...traffic.statuses.keys()],
    records: recorded.records,
    lost: lost.length,
  }).toEqual({ statuses: [200], records: traffic.sent, lost: 0 });
}
