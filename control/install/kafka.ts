// The topics that `limen install kafka` prints.
import { LimenError } from "../errors.ts";
import { listTopics, type TopicDefinition, type TopicOptions } from "../events/topics.ts";

/** What Kafka allows in a name of a topic. */
const PREFIX = /^[\w.-]{0,200}$/;
const BROKERS = /^[\w.-]+:\d{1,5}(,[\w.-]+:\d{1,5})*$/;
const PARTITIONS_MAX = 1_000;

const refuse = (text: string): never => {
  throw new LimenError("usage", `install kafka: ${text}`);
};

/** Topics as they must be; numbers that cannot work are refused. */
export function buildTopics(options: TopicOptions): TopicDefinition[] {
  const { partitions, replication, minInsync, prefix } = options;
  if (partitions < 1 || partitions > PARTITIONS_MAX) {
    refuse(`--partitions ${partitions}: give 1 to ${PARTITIONS_MAX}`);
  }
  if (minInsync > replication) {
    const text = `--min-insync ${minInsync} of ${replication} copies: nothing could be appended`;
    refuse(`${text}; give at most ${replication}`);
  }
  if (!PREFIX.test(prefix)) {
    refuse(`--prefix "${prefix}": letters, digits, dots, dashes and underscores`);
  }
  return listTopics(options);
}

/** `HOST:PORT,HOST:PORT`. */
export function checkBrokers(text: string): string {
  if (!BROKERS.test(text)) refuse(`--brokers "${text}": give HOST:PORT,HOST:PORT`);
  return text;
}
