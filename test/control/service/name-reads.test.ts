import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { nameReads } from "../../../control/service/name-reads.ts";
import { aDecision } from "../../support/decisions.ts";
import { createMemoryLog } from "../../support/memory-log.ts";

/** Looks take some time; `begun` tells when each began, by a count of all that happens. */
function aHistory() {
  const own = { looks: 0, isUnder: false };
  const refresh = async () => {
    if (own.isUnder) throw new Error("two looks at once");
    own.isUnder = true;
    own.looks++;
    await sleep(10);
    own.isUnder = false;
    return {} as never;
  };
  return { own, refresh };
}

async function openLog() {
  const log = createMemoryLog();
  await log.append([aDecision()]);
  return log;
}

describe("nameReads", () => {
  it("looks at the history after the events were read, before it gives them", async () => {
    const log = await openLog();
    const happened: string[] = [];
    const read: typeof log.read = async (...place) => {
      const events = await log.read(...place);
      happened.push("read");
      return events;
    };
    const refresh = async () => {
      happened.push("look");
      return {} as never;
    };
    await nameReads({ ...log, read }, { refresh }).read("limen.decisions", 0, 0n, 10);
    expect(happened).toEqual(["read", "look"]);
  });

  it("shares a look among reads that end before it begins, and none that began before", async () => {
    const { own, refresh } = aHistory();
    const named = nameReads(await openLog(), { refresh });
    const read = () => named.read("limen.decisions", 0, 0n, 10);
    const first = read();
    await sleep(3);
    await Promise.all([first, ...Array.from({ length: 20 }, read)]);
    expect(own.looks).toBe(2);
  });

  it("takes no look for an empty page or another topic", async () => {
    const { own, refresh } = aHistory();
    const named = nameReads(await openLog(), { refresh });
    await named.read("limen.decisions", 0, 1n, 10);
    await named.read("limen.labels", 0, 0n, 10);
    expect(own.looks).toBe(0);
  });

  it("fails with the history, and looks again with the next read", async () => {
    let looks = 0;
    const refresh = async () => {
      if (++looks === 1) throw new Error("away");
      return {} as never;
    };
    const named = nameReads(await openLog(), { refresh });
    await expect(named.read("limen.decisions", 0, 0n, 10)).rejects.toThrow("away");
    expect((await named.read("limen.decisions", 0, 0n, 10)).length).toBe(1);
  });
});
