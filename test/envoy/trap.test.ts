// The trap build is the filter, but a request with `x-trap: 1` traps: what is left of safety then.
import { afterEach, beforeAll, describe, expect } from "vitest";
import { someTable } from "../support/builders.ts";
import { itOnEnvoy, waitFor } from "../support/envoy.ts";
import { ask, askUpstream, type Question } from "../support/load.ts";
import {
  buildTwins,
  push,
  resourceOf,
  type Stage,
  setStage,
  strikeStage,
  TRAP_MODULE,
} from "../support/stage.ts";
import type { Seen } from "../support/upstream.ts";

beforeAll(buildTwins);
afterEach(strikeStage);

const SCORED = [["x-score", "4000"]] as const;
const FORGED = [
  ["x-limen-bot", "bot"],
  ["X_Limen_Bot", "bot"],
] as const;
const TRAP: Question = { headers: [...SCORED, ...FORGED, ["x-trap", "1"]] };
const QUIET: Question = { headers: [...SCORED, ...FORGED] };

function resource(serial: number) {
  return resourceOf(someTable({ serial }), "limen", TRAP_MODULE);
}

async function setTrap(failurePolicy: "open" | "reload"): Promise<Stage> {
  const filter = { name: "limen", vmId: "vm-1", wasmPath: TRAP_MODULE, failurePolicy };
  const table = failurePolicy === "open" ? "xds" : someTable();
  const stage = await setStage({ filters: [{ ...filter, table }] });
  if (table === "xds") await push(stage.control, resource(1));
  return stage;
}

/** Where a request went, and what of ours the application saw. */
async function fateOf({ envoy }: Stage, question: Question): Promise<unknown[]> {
  const { upstream, headers } = await askUpstream(envoy.port, question);
  return [upstream, headers.filter(([name]) => /^x[-_]limen[-_]/i.test(name))];
}

describe("a filter that traps", () => {
  itOnEnvoy("tags until then", async () => {
    const stage = await setTrap("open");
    expect(await fateOf(stage, QUIET)).toEqual(["bots", [["x-limen-bot", "bot"]]]);
  });

  itOnEnvoy("serves the request untagged, its forged tag removed natively", async () => {
    const stage = await setTrap("open");
    expect(await fateOf(stage, TRAP)).toEqual(["shop", []]);
    expect(stage.envoy.readLog()).toMatch(/RuntimeError: unreachable/);
  });

  itOnEnvoy("serves all later requests untagged, their forged tags removed natively", async () => {
    const stage = await setTrap("open");
    await fateOf(stage, TRAP);
    for (let count = 0; count < 20; count += 1) {
      expect(await fateOf(stage, QUIET)).toEqual(["shop", []]);
    }
  });

  itOnEnvoy("leaves an answer in progress whole", async () => {
    const stage = await setTrap("open");
    const held = ask(stage.envoy.port, { path: "/hold", ...QUIET });
    await waitFor("the stream", () => (stage.bots.count() === 1 ? true : null));
    await fateOf(stage, TRAP);
    stage.bots.release();
    const { status, body } = await held;
    expect([status, (JSON.parse(body) as Seen).upstream]).toEqual([200, "bots"]);
  });

  itOnEnvoy("is healed by any changed configuration", async () => {
    const stage = await setTrap("open");
    await fateOf(stage, TRAP);
    await push(stage.control, resource(2));
    expect(await fateOf(stage, QUIET)).toEqual(["bots", [["x-limen-bot", "bot"]]]);
  });

  itOnEnvoy("answers 503 by the policy reload, and tags again from a new VM", async () => {
    const stage = await setTrap("reload");
    expect((await ask(stage.envoy.port, TRAP)).status).toBe(503);
    const again = async () => {
      const reply = await ask(stage.envoy.port, QUIET);
      return reply.headers["x-upstream"] === "bots" ? true : null;
    };
    expect(await waitFor("a tag from the new VM", again)).toBe(true);
  });
});
