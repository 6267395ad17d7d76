import { type experimental, experimental as grpc, ServerCredentials } from "@grpc/grpc-js";
import { LimenError } from "../errors.ts";
import { HANDSHAKE_MS, type TlsFiles } from "./tls-files.ts";

type Provider = experimental.CertificateProvider;

/** What a call says of the connection it came by; grpc-js gives a certificate once it was verified. */
type Authenticated = { getAuthContext(): { sslPeerCertificate?: { raw: Buffer } } | null };

/** The client certificate (DER) of a call; null without one. */
export function readPeer(call: unknown): Uint8Array | null {
  return (call as Authenticated).getAuthContext()?.sslPeerCertificate?.raw ?? null;
}

/**
 * Plaintext without files, else credentials that demand a client certificate and go with the files:
 * connections that are open stay, new ones get the new certificate and authority. (grpc-js' own
 * watcher of files closes its listener to all while one of them is missing or does not fit.)
 */
export function createGrpcCredentials(files: TlsFiles | null): ServerCredentials {
  if (files === null) return ServerCredentials.createInsecure();
  if (files.current().clientCa === null) {
    throw new LimenError("input", "auth.tls: proxies show certificates; add clientCa");
  }
  const stops = new Map<unknown, () => void>();
  const add = (listener: unknown, tell: () => void): void => {
    // grpc-js takes the first values only after it has added its own listener.
    process.nextTick(tell);
    stops.set(listener, files.watch(tell));
  };
  const remove = (listener: unknown): void => {
    stops.get(listener)?.();
    stops.delete(listener);
  };
  const provider: Provider = {
    addCaCertificateListener: (listener) =>
      add(listener, () => {
        const { clientCa } = files.current();
        listener(clientCa && { caCertificate: clientCa });
      }),
    addIdentityCertificateListener: (listener) =>
      add(listener, () => {
        const { certificate, key } = files.current();
        listener({ certificate, privateKey: key });
      }),
    removeCaCertificateListener: remove,
    removeIdentityCertificateListener: remove,
  };
  const credentials = grpc.createCertificateProviderServerCredentials(provider, provider, true);
  const options = credentials._getConstructorOptions();
  credentials._getConstructorOptions = () => ({ ...options, handshakeTimeout: HANDSHAKE_MS });
  return credentials;
}
