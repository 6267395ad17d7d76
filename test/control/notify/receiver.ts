import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Received = { method: string; path: string; headers: IncomingHttpHeaders; body: string };
export type Receiver = {
  url: string;
  received: Received[];
  /** The `data.why` of each request in the order of arrival. */
  whys(): string[];
  close(): Promise<void>;
};

/** A real HTTP server; `answer` gets each request with its place, from 0, once it is read whole. */
export async function startReceiver(
  answer: (response: ServerResponse, place: number) => void,
): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const { method = "", url = "", headers } = request;
      answer(response, received.push({ method, path: url, headers, body }) - 1);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/s3cr3t`,
    received,
    whys: () => received.map(({ body }) => JSON.parse(body).data.why),
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** Answers with these statuses in turn, and with the last one from then on. */
export const inTurn =
  (...statuses: number[]) =>
  (response: ServerResponse, place: number): void => {
    response.writeHead(statuses[Math.min(place, statuses.length - 1)] ?? 500, {
      location: "/elsewhere",
    });
    response.end();
  };
