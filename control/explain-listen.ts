import { LimenError } from "./errors.ts";

const CAUSES: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program has this port; stop it, or",
  EACCES: "this user may not take this port;",
  EADDRNOTAVAIL: "this machine has no such address;",
};

/** Why nothing listens on an address, and what to do; `key` is its place in limen.yaml. */
export function explainListen(
  key: "listen.xds" | "listen.http",
  address: string,
  thrown: Error,
): LimenError {
  const code = Object.keys(CAUSES).find((each) => thrown.message.includes(each));
  const why = code === undefined ? `${thrown.message};` : `${code}, ${CAUSES[code]}`;
  const text = `${key} ${address}: ${why} give another by ${key} in limen.yaml`;
  return new LimenError("unavailable", text, thrown);
}
