// One keep-alive HTTP/1.1 connection that asks one question at a time. Far cheaper than node:http,
// so that a test's load is carried by Envoy and not by the test.
import { connect, type Socket } from "node:net";
import { LOOPBACK } from "./envoy.ts";

export type WireReply = { status: number; headers: Readonly<Record<string, string>>; body: string };

export type Connection = {
  /** Sends the text of a request; a broken connection or answer is status 0. */
  ask(request: string): Promise<WireReply>;
  close(): void;
};

const BREAK = "\r\n";

/** A GET without body, as text. */
export function writeRequest(
  path: string,
  headers: readonly (readonly [string, string])[],
  host = "shop.example",
): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `host: ${host}`,
    ...headers.map((each) => each.join(": ")),
  ];
  return lines.join(BREAK) + BREAK + BREAK;
}

function readHead(head: string): { status: number; headers: Record<string, string> } {
  const [first = "", ...lines] = head.split(BREAK);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const at = line.indexOf(":");
    headers[line.slice(0, at).toLowerCase()] = line.slice(at + 1).trim();
  }
  return { status: Number(first.split(" ")[1]), headers };
}

/** A whole answer out of the text received so far; null while it is not there. */
function readReply(text: string): WireReply | null {
  const end = text.indexOf(BREAK + BREAK);
  if (end < 0) return null;
  const { status, headers } = readHead(text.slice(0, end));
  const length = Number(headers["content-length"]);
  // Only answers of known length are asked for here; another one is a failure, not a wait.
  if (!Number.isInteger(length)) return { status: 0, headers, body: text };
  const body = text.slice(end + 4);
  return body.length < length ? null : { status, headers, body };
}

/** Opens a connection to a port of this machine. */
export async function openConnection(port: number): Promise<Connection> {
  const socket: Socket = connect({ host: LOOPBACK, port, noDelay: true });
  let text = "";
  let give: ((reply: WireReply) => void) | null = null;
  const answer = (reply: WireReply): void => {
    const waiting = give;
    give = null;
    text = "";
    waiting?.(reply);
  };
  const fail = (reason: string): void => answer({ status: 0, headers: {}, body: reason });
  socket.setEncoding("latin1");
  socket.on("data", (part: string) => {
    text += part;
    const reply = readReply(text);
    if (reply) answer(reply);
  });
  socket.on("error", (error) => fail(error.message));
  socket.on("close", () => fail("closed"));
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return {
    ask: (request) =>
      new Promise((resolve) => {
        give = resolve;
        if (socket.destroyed) fail("closed");
        else socket.write(request, "latin1");
      }),
    close: () => socket.destroy(),
  };
}
