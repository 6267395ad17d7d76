import { readFileSync } from "node:fs";
import { connect, isIP, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { LimenError } from "../errors.ts";
import { describeLog, type KafkaSettings } from "../settings-log.ts";
import { classify, toLimenError } from "./kafka-errors.ts";
import { type Cluster, type ClusterOptions, createCluster } from "./kafka-internals.ts";

/** Of one request; a step of several is bounded by its own time besides. */
const REQUEST_MS = 5_000;
const CONNECT_MS = 2_500;
const METADATA_MS = 60_000;
const WAIT_FIRST_MS = 50;
const WAIT_LAST_MS = 500;
const READ_COMMITTED = 1;
const GIVEN_UP = "the connection was given up";

export type KafkaConnection = {
  /**
   * Runs a step until it succeeds: over lost leaders and lost connections, at most `timeoutMs`.
   * Throws one LimenError that says what was being done.
   */
  attempt<Value>(
    doing: string,
    timeoutMs: number,
    step: (cluster: Cluster) => Promise<Value>,
  ): Promise<Value>;
  readonly where: string;
  /** Ends every connection at once; steps under way fail. */
  close(): void;
};

function readSecret(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    const { message } = thrown as Error;
    throw new LimenError("input", `kafka: ${message}; name a file that can be read`, thrown);
  }
}

function tlsOptions(tls: NonNullable<KafkaSettings["tls"]>): object {
  return {
    ...(tls.ca !== undefined && { ca: readSecret(tls.ca) }),
    ...(tls.certificate !== undefined && { cert: readSecret(tls.certificate) }),
    ...(tls.key !== undefined && { key: readSecret(tls.key) }),
  };
}

/** `isOver` is for those that kafkajs would still open after all was given up. */
type Sockets = { open: Set<Socket>; isOver: boolean };
type SocketOptions = Parameters<ClusterOptions["socketFactory"]>[0];

/** Keeps what it opens, so that all can be ended without waiting for answers. */
function openSocket(sockets: Sockets, { host, port, ssl, onConnect }: SocketOptions): Socket {
  const server = isIP(host) === 0 ? { servername: host } : {};
  const socket = ssl
    ? connectTls({ host, port, ...server, ...ssl }, onConnect)
    : connect({ host, port }, onConnect);
  socket.setKeepAlive(true, METADATA_MS);
  socket.setNoDelay(true);
  sockets.open.add(socket);
  socket.once("close", () => sockets.open.delete(socket));
  if (sockets.isOver) socket.destroy(new Error(GIVEN_UP));
  return socket;
}

type Live = { cluster: Cluster; ready: Promise<void>; sockets: Sockets };

function openLive(settings: KafkaSettings, topics: readonly string[]): Live {
  const { brokers, clientId, tls, sasl } = settings;
  const sockets: Sockets = { open: new Set(), isOver: false };
  const login = sasl && {
    mechanism: sasl.mechanism,
    username: sasl.username,
    password: readSecret(sasl.passwordFile).trim(),
  };
  const cluster = createCluster({
    brokers,
    clientId,
    ...(tls && { ssl: tlsOptions(tls) }),
    ...(login && { sasl: login }),
    connectionTimeout: CONNECT_MS,
    authenticationTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    metadataMaxAge: METADATA_MS,
    isolationLevel: READ_COMMITTED,
    // Enough to come past dead brokers of the list; all else is tried again by `attempt`.
    retry: { initialRetryTime: 20, maxRetryTime: 200, retries: brokers.length + 1 },
    socketFactory: (options) => openSocket(sockets, options),
  });
  const ready = cluster.connect().then(() => cluster.addMultipleTargetTopics(topics));
  ready.catch(() => undefined);
  return { cluster, ready, sockets };
}

function endLive({ cluster, sockets }: Live): void {
  sockets.isOver = true;
  for (const socket of sockets.open) socket.destroy(new Error(GIVEN_UP));
  cluster.disconnect().catch(() => undefined);
}

const LATE = "no answer within";
const isLate = (thrown: unknown): boolean =>
  thrown instanceof Error && thrown.message.startsWith(LATE);

/** Fails when the work takes longer; the work itself may go on. */
function within<Value>(timeoutMs: number, work: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`${LATE} ${Math.round(timeoutMs / 100) / 10} s`));
    const timer = setTimeout(late, Math.max(0, timeoutMs));
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function isFinal(thrown: unknown): boolean {
  const { way } = classify(thrown);
  return thrown instanceof LimenError || (way !== "again" && way !== "reconnect");
}

type Door = {
  where: string;
  /** The connections in use; throws when the door is closed. */
  open: () => Live;
  /** Makes connections fit for the next try, or gives them up. */
  repair: (thrown: unknown, used: Live, leftMs: number) => Promise<void>;
};

async function run<Value>(used: Live, step: (cluster: Cluster) => Promise<Value>): Promise<Value> {
  await used.ready;
  if (used.sockets.isOver) throw new Error(GIVEN_UP);
  return step(used.cluster);
}

/** Tries again and again, until the step succeeds, cannot succeed, or the time is over. */
async function attempt<Value>(
  { where, open, repair }: Door,
  doing: string,
  timeoutMs: number,
  step: (cluster: Cluster) => Promise<Value>,
): Promise<Value> {
  const until = performance.now() + timeoutMs;
  let reason: unknown;
  for (let waitMs = WAIT_FIRST_MS; ; waitMs = Math.min(2 * waitMs, WAIT_LAST_MS)) {
    const used = open();
    try {
      return await within(until - performance.now(), run(used, step));
    } catch (thrown) {
      // Out of time says less than what went wrong before.
      if (reason === undefined || !isLate(thrown)) reason = thrown;
      const leftMs = until - performance.now() - waitMs;
      await repair(thrown, used, leftMs);
      if (isFinal(thrown) || leftMs <= 0) throw toLimenError(reason, where, doing);
      await sleep(waitMs);
    }
  }
}

/** Connects when first needed, and again after each loss; knows the leaders of the topics named. */
export function connectKafka(
  settings: KafkaSettings,
  topics: readonly string[] = [],
): KafkaConnection {
  const where = describeLog(settings);
  let live: Live | undefined;
  let isClosed = false;
  const drop = (failed: Live | undefined): void => {
    if (!failed || failed !== live) return;
    live = undefined;
    endLive(failed);
  };
  const open = (): Live => {
    if (isClosed) throw new LimenError("unavailable", `event log ${where}: closed; open it again`);
    live ??= openLive(settings, topics);
    return live;
  };
  const repair: Door["repair"] = async (thrown, used, leftMs) => {
    if (isClosed) open();
    const { way } = classify(thrown);
    if (way === "reconnect") drop(used);
    if (way !== "again" || leftMs <= 0) return;
    await within(leftMs, used.cluster.refreshMetadata()).catch(() => drop(used));
  };
  const door: Door = { where, open, repair };
  return {
    where,
    attempt: (doing, timeoutMs, step) => attempt(door, doing, timeoutMs, step),
    close: () => {
      isClosed = true;
      drop(live);
    },
  };
}
