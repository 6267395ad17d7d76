import { createServer } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { explainListen } from "../../control/explain-listen.ts";

const thrownBy = (message: string): string =>
  explainListen("listen.http", "127.0.0.1:80", new Error(message)).message;

describe("explainListen", () => {
  const causes: readonly [string, string, RegExp][] = [
    ["a port that is taken", "listen EADDRINUSE: in use", /EADDRINUSE, another program has/],
    ["a port one may not take", "listen EACCES: denied", /EACCES, this user may not take/],
    ["an address of elsewhere", "listen EADDRNOTAVAIL", /EADDRNOTAVAIL, this machine has no such/],
    ["anything else", "the cable is out", /127\.0\.0\.1:80: the cable is out; give another/],
  ];
  it.each(causes)("names %s, the key and what to do", (_, message, text) => {
    expect(thrownBy(message)).toMatch(text);
    expect(thrownBy(message)).toMatch(
      /^listen\.http .* give another by listen\.http in limen\.yaml$/,
    );
  });

  it("knows a taken port from what gRPC says of it", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const { port } = holder.address() as { port: number };
    const server = new Server();
    const error = await new Promise<Error | null>((resolve) =>
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), resolve),
    );
    server.forceShutdown();
    holder.close();
    expect(explainListen("listen.xds", "a", error ?? new Error("bound")).message).toMatch(
      /EADDRINUSE/,
    );
  });
});
