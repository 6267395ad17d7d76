// A TCP proxy that can hold back what one side says.
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";

export type SlowProxy = {
  port: number;
  /** Where to send connections. */
  target: number;
  /** Milliseconds each piece waits on its way, in both directions. */
  delayMs: number;
  /** Holds back answers: requests arrive, and nobody is told. */
  hold(): void;
  /** Lets answers through again; what was held is lost with its connections. */
  heal(): void;
  close(): void;
};

export async function startSlowProxy(): Promise<SlowProxy> {
  const sockets = new Set<Socket>();
  let isHolding = false;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
    return socket;
  };
  const pass = (to: Socket, chunk: Buffer): void => {
    if (!to.destroyed) to.write(chunk);
  };
  const server = createServer((client) => {
    keep(client);
    const broker = keep(connect(proxy.target, "127.0.0.1"));
    client.on("data", (chunk) => setTimeout(pass, proxy.delayMs, broker, chunk));
    broker.on("data", (chunk) => {
      if (!isHolding) setTimeout(pass, proxy.delayMs, client, chunk);
    });
    client.once("close", () => setTimeout(() => broker.destroy(), proxy.delayMs));
    broker.once("close", () => setTimeout(() => client.destroy(), proxy.delayMs));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: SlowProxy = {
    port: (server.address() as AddressInfo).port,
    target: 0,
    delayMs: 0,
    hold: () => {
      isHolding = true;
    },
    heal: () => {
      isHolding = false;
      for (const socket of sockets) socket.destroy();
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return proxy;
}
