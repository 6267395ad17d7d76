import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { LimenError } from "../errors.ts";

export const HOST = "127.0.0.1";

/** The port a listener gets when it asks for this one; null when that one is taken. */
function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(null);
      else reject(error);
    });
    server.listen(port, HOST, () => {
      const taken = (server.address() as AddressInfo).port;
      server.close(() => resolve(taken));
    });
  });
}

/** A port nobody listens on. */
export async function findFreePort(): Promise<number> {
  const port = await tryPort(0);
  if (port !== null) return port;
  throw new LimenError("unavailable", "the system gives no free port on 127.0.0.1");
}

/** The wanted port; throws "unavailable" when somebody has it. */
export async function claimPort(port: number): Promise<number> {
  if ((await tryPort(port)) !== null) return port;
  throw new LimenError(
    "unavailable",
    `port ${port} on ${HOST} is taken; stop the program that has it, or give another by --port`,
  );
}

/** The usual port when it is free, else any free one. */
export async function preferPort(port: number): Promise<number> {
  return (await tryPort(port)) ?? (await findFreePort());
}
