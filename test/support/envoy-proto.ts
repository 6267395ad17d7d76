/**
 * Envoy's own .proto files, as @grpc/grpc-js-xds carries them, read by protobufjs: a second
 * implementation and a second source of every name and field number.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const FOLDERS = ["envoy-api", "xds", "googleapis", "protoc-gen-validate"];

export type OtherType = {
  encode(value: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
  toObject(message: object, options: object): Record<string, unknown>;
  fromObject(value: object): object;
};

/** Finds message types by full name in the given files. */
export function loadEnvoyProto(files: readonly string[]): (name: string) => OtherType {
  const require = createRequire(import.meta.url);
  const deps = join(dirname(require.resolve("@grpc/grpc-js-xds")), "../../deps");
  const loader = createRequire(require.resolve("@grpc/grpc-js-xds")).resolve("@grpc/proto-loader");
  const protobuf = createRequire(loader)("protobufjs");
  const folders = [
    ...FOLDERS.map((folder) => join(deps, folder)),
    dirname(createRequire(loader).resolve("protobufjs")),
  ];
  const root = new protobuf.Root();
  root.resolvePath = (_origin: string, target: string): string =>
    folders.map((folder) => join(folder, target)).find((path) => existsSync(path)) ?? target;
  root.loadSync([...files], { keepCase: true });
  return (name) => root.lookupType(name);
}
