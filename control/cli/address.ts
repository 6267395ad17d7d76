import { InvalidArgumentError, Option } from "commander";
import type { Address } from "../envoy/bootstrap.ts";

/** HOST:PORT of an option; an IPv6 host stands in brackets. */
export function parseAddress(text: string): Address {
  const [, host = "", port = ""] = /^(\[[0-9a-f:.]+\]|[^\s:/]+):(\d{1,5})$/i.exec(text) ?? [];
  if (host === "" || Number(port) > 65_535) {
    throw new InvalidArgumentError("HOST:PORT, like 127.0.0.1:8080");
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

export const writeAddress = ({ host, port }: Address): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

/** An option that takes HOST:PORT. */
export function addressOption(flag: string, description: string, preset?: Address): Option {
  const option = new Option(`${flag} <host:port>`, description).argParser(parseAddress);
  return preset ? option.default(preset, writeAddress(preset)) : option;
}
