import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect } from "vitest";
import type { Resource } from "../../control/xds/resource.ts";
import { aModel, someTable } from "../support/builders.ts";
import { itOnEnvoy, waitFor } from "../support/envoy.ts";
import { askUpstream, seenValues } from "../support/load.ts";
import {
  push,
  resourceOf,
  type Stage,
  setStage,
  startControl,
  strikeStage,
  waitForNack,
} from "../support/stage.ts";

afterEach(strikeStage);

/** Far longer than a push takes. */
const QUIET_MS = 300;

function tableOf(serial: number, value: string): Uint8Array {
  const tags = [{ header: "x-limen-bot", value }];
  return someTable({ serial, models: [aModel({ tags })] });
}

/** A table whose last byte was changed after the CRC was taken. */
function damage(table: Uint8Array): Uint8Array {
  const bytes = table.slice();
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  return bytes;
}

async function tagOf(stage: Stage): Promise<string | undefined> {
  const seen = await askUpstream(stage.envoy.port, { headers: [["x-score", "4000"]] });
  return seenValues(seen, "x-limen-bot")[0];
}

type Sent = { digest: string; reason: string };

async function setStageThatNotes() {
  const acks: Sent[] = [];
  const nacks: Sent[] = [];
  const stage = await setStage({}, { onAck: (a) => acks.push(a), onNack: (n) => nacks.push(n) });
  return { stage, acks, nacks };
}

async function pushBad(stage: Stage): Promise<Resource> {
  const bad = resourceOf(damage(tableOf(2, "bad")));
  stage.control.setTarget(bad.name, bad);
  await waitForNack(stage.control, bad);
  return bad;
}

describe("a bad table", () => {
  itOnEnvoy("is NACKed and the old one keeps serving", async () => {
    const { stage } = await setStageThatNotes();
    await push(stage.control, resourceOf(tableOf(1, "good")));
    await pushBad(stage);
    expect(await tagOf(stage)).toBe("good");
  });

  itOnEnvoy("is answered with the last ACKed bytes at once", async () => {
    const { stage, acks } = await setStageThatNotes();
    const good = resourceOf(tableOf(1, "good"));
    await push(stage.control, good);
    await pushBad(stage);
    const restored = await waitFor("the ACK of the old bytes", () => acks[1] ?? null);
    expect([restored.digest, restored.reason]).toEqual([good.digest, "restore"]);
  });

  itOnEnvoy("never goes to that proxy again, not even on a new stream", async () => {
    const { stage, nacks, acks } = await setStageThatNotes();
    await push(stage.control, resourceOf(tableOf(1, "good")));
    const bad = await pushBad(stage);
    stage.control.setTarget(bad.name, bad);
    await waitFor("the answer", () => acks[1] ?? null);
    const { port } = stage.control;
    await stage.control.close();
    const digests: string[] = [];
    const again = await startControl({ port, onAck: ({ digest }) => digests.push(digest) });
    again.refuse("test-1", bad.name, bad.digest);
    again.setTarget(bad.name, bad);
    await waitFor("the proxy to come back", () => again.proxies()[0] ?? null);
    await sleep(QUIET_MS);
    expect(nacks.map(({ digest }) => digest)).toEqual([bad.digest]);
    expect([digests, again.proxies()[0]?.sent, await tagOf(stage)]).toEqual([[], null, "good"]);
  });

  itOnEnvoy("is healed by the next good one", async () => {
    const { stage } = await setStageThatNotes();
    await push(stage.control, resourceOf(tableOf(1, "good")));
    await pushBad(stage);
    await push(stage.control, resourceOf(tableOf(3, "better")));
    const ask = async () => ((await tagOf(stage)) === "better" ? true : null);
    expect(await waitFor("the new tag", ask)).toBe(true);
  });

  itOnEnvoy("in front of any good one leaves the base state", async () => {
    const { stage } = await setStageThatNotes();
    stage.control.setBase("limen", resourceOf(new Uint8Array(0)));
    await pushBad(stage);
    expect(await tagOf(stage)).toBe(undefined);
  });
});
