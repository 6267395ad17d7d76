import { describe, expect, it } from "vitest";
import { checkTopics } from "../../../control/doctor/kafka.ts";
import { listTopics, type TopicFacts } from "../../../control/events/topics.ts";
import { parseSettings } from "../../../control/settings.ts";

const SETTINGS = parseSettings({ limen: 1, models: ["bot"], log: "kafka://b:9092" }, null, "/");

/** A broker that has the topics as `limen install kafka` makes them. */
function someFacts(): TopicFacts[] {
  const { decisionsMs: keepMs, diskBytes } = SETTINGS.keep;
  const size = { partitions: 12, replication: 3, minInsync: 2 };
  return listTopics({ ...size, prefix: "", keepMs, diskBytes });
}

describe("checkTopics", () => {
  it("is content with topics as they must be, whatever their number of partitions", () => {
    expect(checkTopics(someFacts(), SETTINGS).map(({ state }) => state)).toEqual(["ok"]);
  });

  it("fails a topic that is missing and says what makes it", () => {
    const [found] = checkTopics(
      someFacts().filter(({ name }) => name !== "limen.labels"),
      SETTINGS,
    );
    expect(found).toMatchObject({ state: "fail", seen: "limen.labels: it is missing" });
    expect(found?.todo).toContain("limen install kafka");
  });

  it("fails labels with another number of partitions than decisions", () => {
    const facts = someFacts().map((one) =>
      one.name === "limen.labels" ? { ...one, partitions: 6 } : one,
    );
    expect(checkTopics(facts, SETTINGS)[0]).toMatchObject({ state: "fail" });
  });

  it("warns of settings that cannot be read", () => {
    const facts = someFacts().map((one) =>
      one.name === "limen.counts" ? { ...one, config: null } : one,
    );
    expect(checkTopics(facts, SETTINGS).map(({ state }) => state)).toEqual(["warn"]);
  });

  it("fails every topic where there is none", () => {
    const found = checkTopics([], SETTINGS);
    expect([found.length, new Set(found.map(({ state }) => state))]).toEqual([
      6,
      new Set(["fail"]),
    ]);
  });
});
