// What a broker says of Limen's topics, as findings.
import { compareTopics, listTopics, type TopicFacts } from "../events/topics.ts";
import type { Settings } from "../settings.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

/** The counts of partitions are the topic's own to say: decisions decide for labels and counts. */
export function checkTopics(facts: readonly TopicFacts[], settings: Settings): Finding[] {
  const prefix = settings.log.kind === "kafka" ? settings.log.prefix : "";
  const decisions = facts.find(({ name }) => name === `${prefix}limen.decisions`);
  const wanted = listTopics({
    partitions: decisions?.partitions ?? 1,
    replication: decisions?.replication ?? 1,
    minInsync: Number(decisions?.config?.["min.insync.replicas"] ?? 1),
    prefix,
    keepMs: settings.keep.decisionsMs,
    diskBytes: settings.keep.diskBytes,
  });
  const found = compareTopics(facts, wanted);
  if (found.length === 0) {
    return [
      ok("topics", `${facts.length} topics as they must be, ${decisions?.partitions} partitions`),
    ];
  }
  return found.map(({ level, topic, text }) => {
    const [seen = text, ...todo] = text.split("; ");
    const state = level === "error" ? fail : warn;
    return state("topics", `${topic}: ${seen}`, todo.join("; "));
  });
}
