/** What clients must show; without a value the listener takes anybody. */
export type Sasl = {
  mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  username: string;
  password: string;
};

/** Files in PEM: `keyStore` holds the key (PKCS #8) and the certificate after it. */
export type BrokerTls = {
  keyStore: string;
  /** The authority of the clients; given, each must show a certificate of it. */
  clientCa?: string;
};

export type NodePorts = { client: number; inner: number; controller: number };

export type NodeOptions = {
  /** From 1. */
  id: number;
  /** Of all nodes, this one's at `id - 1`. */
  ports: readonly NodePorts[];
  dataFolder: string;
  tls?: BrokerTls;
  sasl?: Sasl;
  /** The port clients are sent to, when something stands before the broker. */
  advertisedPort?: number;
  more: Readonly<Record<string, string>>;
};

const HOST = "127.0.0.1";
const LOGIN = "org.apache.kafka.common.security";

function listenerProtocol({ tls, sasl }: NodeOptions): string {
  if (sasl) return tls ? "SASL_SSL" : "SASL_PLAINTEXT";
  return tls ? "SSL" : "PLAINTEXT";
}

function tlsProperties(tls: BrokerTls): Record<string, string> {
  return {
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": tls.keyStore,
    ...(tls.clientCa !== undefined && {
      "ssl.truststore.type": "PEM",
      "ssl.truststore.location": tls.clientCa,
      "ssl.client.auth": "required",
    }),
  };
}

function saslProperties({ mechanism, username, password }: Sasl): Record<string, string> {
  const name = `listener.name.client.${mechanism}.sasl.jaas.config`;
  const login =
    mechanism === "plain"
      ? `${LOGIN}.plain.PlainLoginModule required user_${username}="${password}";`
      : `${LOGIN}.scram.ScramLoginModule required;`;
  return { "sasl.enabled.mechanisms": mechanism.toUpperCase(), [name]: login };
}

/** Brokers speak to each other on a listener of their own, always in plain text on loopback. */
function listenerProperties(options: NodeOptions): Record<string, string> {
  const { client, inner, controller } = options.ports[options.id - 1] ?? {};
  const open = (port: number | undefined): string =>
    `CLIENT://${HOST}:${port},INNER://${HOST}:${inner}`;
  const protocol = listenerProtocol(options);
  return {
    listeners: `${open(client)},CONTROLLER://${HOST}:${controller}`,
    "advertised.listeners": open(options.advertisedPort ?? client),
    "listener.security.protocol.map": `CLIENT:${protocol},INNER:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INNER",
    "controller.quorum.voters": options.ports
      .map((ports, at) => `${at + 1}@${HOST}:${ports.controller}`)
      .join(","),
  };
}

/** All properties of a node that is broker and controller in one. */
export function listProperties(options: NodeOptions): Record<string, string> {
  const copies = `${options.ports.length}`;
  const least = options.ports.length > 1 ? "2" : "1";
  return {
    "process.roles": "broker,controller",
    "node.id": `${options.id}`,
    ...listenerProperties(options),
    "log.dirs": options.dataFolder,
    "auto.create.topics.enable": "false",
    "default.replication.factor": copies,
    "offsets.topic.replication.factor": copies,
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": copies,
    "transaction.state.log.min.isr": least,
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": copies,
    "share.coordinator.state.topic.min.isr": least,
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.cleaner.backoff.ms": "500",
    // A killed broker's session ends soon, so that its successor is let in soon.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    ...(options.tls && tlsProperties(options.tls)),
    ...(options.sasl && saslProperties(options.sasl)),
    ...options.more,
  };
}

/** The text of a properties file. */
export function writeProperties(properties: Readonly<Record<string, string>>): string {
  const quote = (value: string): string => value.replaceAll("\\", "\\\\");
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${quote(value)}`);
  return `${lines.join("\n")}\n`;
}
