import { LimenError } from "../errors.ts";

type Thrown = {
  name?: string;
  type?: string;
  code?: string | number;
  retriable?: boolean;
  message?: string;
  cause?: unknown;
};

/** What to do with what a step of the client threw. */
export type Fault = {
  /** `again`: on the same connections, knowing the leaders anew; `reconnect`: on new ones. */
  way: "again" | "reconnect" | "refused" | "input" | "unavailable";
  type: string;
  text: string;
};

const TOO_LARGE = ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD"];
/** The producer's numbers are not known any more; a new producer starts its own. */
export const PRODUCER_LOST: readonly string[] = [
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "UNKNOWN_PRODUCER_ID",
  "INVALID_PRODUCER_EPOCH",
  "INVALID_PRODUCER_ID_MAPPING",
];
/** Retried although kafkajs would not. */
const PASSING = [...PRODUCER_LOST, "UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN"];
const WRAPPERS = ["KafkaJSNumberOfRetriesExceeded", "KafkaJSNonRetriableError"];

/** The error at the bottom of kafkajs's wrappers. */
function unwrap(thrown: unknown): Thrown {
  let inner = (thrown ?? {}) as Thrown;
  for (let depth = 0; depth < 8 && WRAPPERS.includes(inner.name ?? ""); depth++) {
    if (typeof inner.cause !== "object" || inner.cause === null || inner.cause === inner) break;
    inner = inner.cause as Thrown;
  }
  return inner;
}

function decide({ name = "", type = "", retriable }: Thrown): Fault["way"] {
  if (name === "KafkaJSSASLAuthenticationError") return "refused";
  if (/AUTHORIZATION_FAILED$|SASL_AUTHENTICATION_FAILED|UNSUPPORTED_SASL/.test(type)) {
    return "refused";
  }
  if (TOO_LARGE.includes(type)) return "input";
  if (type === "") return "reconnect";
  return retriable === true || PASSING.includes(type) ? "again" : "unavailable";
}

export function classify(thrown: unknown): Fault {
  const inner = unwrap(thrown);
  const text = (inner.message ?? String(thrown)).split("\n")[0] ?? "";
  return { way: decide(inner), type: inner.type ?? "", text };
}

/** The fault as the one line for a person; `where` names the log, `doing` the step. */
export function toLimenError(thrown: unknown, where: string, doing: string): LimenError {
  if (thrown instanceof LimenError) return thrown;
  const { way, text } = classify(thrown);
  const what = `event log ${where}: ${doing}: ${text}`;
  if (way === "refused") {
    return new LimenError(
      "refused",
      `${what}; look at "kafka" in limen.yaml and at the rights`,
      thrown,
    );
  }
  if (way === "input") {
    const hint = 'more than max.message.bytes of its topic allows? look at "limen install kafka"';
    return new LimenError("input", `${what}; ${hint}`, thrown);
  }
  if (way === "reconnect") {
    const hint = "is Kafka up, are address, tls and sasl right?";
    return new LimenError("unavailable", `${what}; ${hint}`, thrown);
  }
  return new LimenError("unavailable", `${what}; look at the brokers`, thrown);
}
