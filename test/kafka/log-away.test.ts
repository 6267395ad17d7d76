// What the verbs of an operator say while Kafka does not answer: its broker is stopped as by
// SIGSTOP, so that connections stay open and nothing comes back.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startTestKafka, type TestKafka } from "../support/broker.ts";
import { LOOPBACK, waitFor } from "../support/envoy.ts";
import { openRoles, type RoleProcess, type Roles, waitForDecider } from "../support/roles.ts";

const LIMEN = join(import.meta.dirname, "../../control/cli/limen.js");
/** 10 s of one read that nobody shortens, and the program's start on a machine that is busy. */
const VERB_MS = 14_000;
/** Twice what one read waits. */
const OUTAGE_MS = 20_000;
/** A part that had nothing to do since holds the end back for 25 s. */
const END_MS = 60_000;
const SETTLE_MS = 5_000;

let kafka: TestKafka | undefined;
let roles: Roles | undefined;
beforeAll(async () => {
  kafka = await startTestKafka();
  if (!kafka) return;
  roles = await openRoles(kafka, { prefix: "away." });
  await roles.start("learn");
  await waitForDecider(roles);
  const server = await roles.start("serve");
  await waitFor("a table", async () => ((await server.status()).serial > 0 ? true : null));
});
afterEach(() => signal("SIGCONT"));
afterAll(async () => {
  await roles?.close();
  await kafka?.remove();
});

function signal(name: "SIGSTOP" | "SIGCONT"): void {
  for (const node of kafka?.nodes ?? []) process.kill(node.pid(), name);
}

type Ran = { code: number | null; err: string; ms: number };
function limen(process_: RoleProcess | undefined, ...args: string[]): Promise<Ran> {
  const from = performance.now();
  const all = [LIMEN, "--server", `http://${LOOPBACK}:${process_?.httpPort}`, ...args];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, all, (_error, _out, err) =>
      resolve({ code: child.exitCode, err: err.trim(), ms: performance.now() - from }),
    );
  });
}

describe("while Kafka does not answer", () => {
  const claims = [
    // The first one, as a learner notices after a while that it cannot decide, and says that at once.
    ["apply", "learn", ["apply", "--set", "bot.bot.cut=0.3"]],
    ["off", "serve", ["off"]],
    ["off", "learn", ["off"]],
    ["history", "serve", ["history"]],
    ["explain", "serve", ["explain", "last"]],
  ] as const;
  for (const [verb, role, args] of claims) {
    it(`limen ${verb} to a process of role ${role} says so in time, and what to do`, async ({
      skip,
    }) => {
      if (!kafka || !roles) return skip();
      signal("SIGSTOP");
      const { code, err, ms } = await limen(roles.of(role)[0], ...args);
      expect(err).toContain(`event log kafka://${kafka.brokers[0]}`);
      expect(err).toMatch(/; [a-z]+ [^;]+$/);
      expect([code, ms < VERB_MS]).toEqual([1, true]);
    });
  }
});

describe("an outage of Kafka", () => {
  // A learner has the most parts that use the log.
  it("is said once when it begins and once when it ends by a learner", async ({ skip }) => {
    const learner = roles?.of("learn")[0];
    if (!learner) return skip();
    await sleep(SETTLE_MS);
    const before = learner.readLog().length;
    signal("SIGSTOP");
    await sleep(OUTAGE_MS);
    signal("SIGCONT");
    const read = () => learner.readLog().slice(before).trim().split("\n");
    await waitFor("it to end", () => (/works again/.test(read().join()) ? true : null), END_MS);
    await sleep(SETTLE_MS);
    const lines = read().filter((line) => /event log|works again/.test(line));
    expect(lines).toEqual([
      expect.stringMatching(/event log kafka:.*: /),
      "event log: works again",
    ]);
  });
});
