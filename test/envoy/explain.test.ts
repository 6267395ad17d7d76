// From requests through a real Envoy to the four rows of `explain --bad`, and to one explanation.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect } from "vitest";
import { startAccessLogServer } from "../../control/collect/access-log.ts";
import { createHashId } from "../../control/collect/hash-id.ts";
import { openSqliteLog } from "../../control/events/sqlite.ts";
import type { BadRow, Explained, ExplainedBad } from "../../control/explain/view.ts";
import { openStage } from "../control/explain/stage.ts";
import { A_TOKEN_KEY, someTable } from "../support/builders.ts";
import { itOnEnvoy, LOOPBACK, waitFor } from "../support/envoy.ts";
import { ask, askUpstream, type Question, seenValues } from "../support/load.ts";
import {
  atStrike,
  push,
  resourceOf,
  setStage,
  startApplication,
  strikeStage,
} from "../support/stage.ts";

afterEach(strikeStage);

const exempt = [{ of: "header:x-partner-key", match: "equals", text: "acme" }] as const;

async function openLog() {
  const folder = await mkdtemp(join(tmpdir(), "limen-log-"));
  const log = openSqliteLog(join(folder, "limen.db"));
  atStrike(async () => {
    await log.close();
    await rm(folder, { recursive: true, force: true });
  });
  return log;
}

/** Envoy with a pushed table, its log, and an explainer over it; tagged requests find nobody. */
async function setExplainedStage() {
  const log = await openLog();
  const gone = await startApplication("gone");
  await gone.stop();
  const shop = await startApplication("shop");
  const collector = await startAccessLogServer({
    address: `${LOOPBACK}:0`,
    append: (batch) => log.append(batch),
    hashId: createHashId(A_TOKEN_KEY),
  });
  atStrike(collector.close);
  const stage = await setStage({
    upstreams: [shop, { name: "bots", address: gone.address }],
    accessLog: { host: LOOPBACK, port: collector.port },
    accessLogFlushMs: 100,
  });
  const table = someTable({ exempt, token: true });
  const { explain } = await openStage({ log, table });
  await push(stage.control, resourceOf(table));
  return { port: stage.envoy.port, log, explain };
}

const named = (id: string, ...headers: [string, string][]): Question => ({
  path: "/cart",
  headers: [["x-request-id", id], ...headers],
});

async function waitForDecisions(
  explain: Awaited<ReturnType<typeof setExplainedStage>>["explain"],
  count: number,
): Promise<ExplainedBad> {
  return waitFor(`${count} decisions`, async () => {
    const view: Explained = await explain({ kind: "bad", sinceMs: 3_600_000 });
    return view.kind === "bad" && view.decisions >= count ? view : null;
  });
}

describe("limen explain", () => {
  itOnEnvoy("puts each injected fault into its own row", async () => {
    const { port, explain } = await setExplainedStage();
    const replies = [
      await ask(port, named("dead-upstream", ["x-score", "4000"])),
      await ask(port, named("nan-score")),
      await ask(port, named("exempt", ["x-score", "100"], ["x-partner-key", "acme"])),
      await ask(port, named("fine", ["x-score", "100"])),
    ];
    expect(replies.map(({ status }) => status)).toEqual([503, 200, 200, 200]);
    const { decisions, rows } = await waitForDecisions(explain, 4);
    const ids = ({ newest }: BadRow) => newest.map(({ requestId }) => requestId);
    expect([decisions, rows.map((row) => [row.what, ids(row)])]).toEqual([
      4,
      [
        ["upstream-failed", ["dead-upstream"]],
        ["scorer-failed", ["nan-score"]],
        ["scorer-abstained", ["exempt"]],
        ["prediction-wrong", []],
      ],
    ]);
  });

  itOnEnvoy("gets the same bits offline that the proxy recorded", async () => {
    const { port, explain } = await setExplainedStage();
    await askUpstream(port, named("mine", ["x-score", "2047"]));
    await waitForDecisions(explain, 1);
    expect(await explain({ kind: "id", id: "mine" })).toMatchObject({
      node: "test-1",
      path: "/cart",
      code: 200,
      status: "base",
      reason: "below-cut",
      upstream: "shop",
      features: [{ name: "score", value: 2047 }],
      models: [{ bin: 2047, raw: 2047, offline: { bin: 2047, isSame: true } }],
      offline: "same",
    });
  });

  itOnEnvoy("finds the decision of the token that the application was given", async () => {
    const { port, explain } = await setExplainedStage();
    const seen = await askUpstream(port, named("mine", ["x-score", "7"]));
    await waitForDecisions(explain, 1);
    const [token = ""] = seenValues(seen, "x-limen-decision");
    expect(await explain({ kind: "token", token })).toMatchObject({ requestId: "mine" });
  });
});
