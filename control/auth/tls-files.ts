import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { LimenError } from "../errors.ts";

/** Files are looked at this often; short against the life of any certificate. */
const LOOK_MS = 1000;

/** Of a handshake on every listener: who opens a connection and says nothing holds it so long. */
export const HANDSHAKE_MS = 10_000;

export type TlsPaths = { certificate: string; key: string; clientCa: string | null };
export type TlsPem = { certificate: Buffer; key: Buffer; clientCa: Buffer | null };

/** A certificate with its key that goes with the files it was read from. */
export type TlsFiles = {
  current(): TlsPem;
  /** Calls back after each change; the answer ends that. */
  watch(onChange: () => void): () => void;
  close(): void;
};

function readFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (thrown) {
    throw new LimenError("input", `auth.tls: ${file}: cannot be read; put it there`, thrown);
  }
}

function tryPart<Value>(file: string, what: string, read: () => Value): Value {
  try {
    return read();
  } catch (thrown) {
    throw new LimenError("input", `auth.tls: ${file}: no ${what} in PEM; replace it`, thrown);
  }
}

/** Throws unless the parts are what they shall be and belong together. */
function checkPem(pem: TlsPem, paths: TlsPaths): void {
  const leaf = tryPart(
    paths.certificate,
    "certificate",
    () => new X509Certificate(pem.certificate),
  );
  const key = tryPart(paths.key, "private key", () => createPrivateKey(pem.key));
  const { clientCa } = pem;
  if (clientCa && paths.clientCa) {
    tryPart(paths.clientCa, "certificate", () => new X509Certificate(clientCa));
  }
  if (!leaf.checkPrivateKey(key)) {
    const text = `auth.tls: ${paths.key} is not the key of ${paths.certificate}`;
    throw new LimenError("input", `${text}; replace both`);
  }
  const { certificate: cert, key: keyPem } = pem;
  tryPart(paths.certificate, "chain", () =>
    createSecureContext({ cert, key: keyPem, ...(clientCa ? { ca: clientCa } : {}) }),
  );
}

function readPem(paths: TlsPaths): TlsPem {
  return {
    certificate: readFile(paths.certificate),
    key: readFile(paths.key),
    clientCa: paths.clientCa === null ? null : readFile(paths.clientCa),
  };
}

const EMPTY = Buffer.alloc(0);
const isSame = (a: TlsPem, b: TlsPem): boolean =>
  a.certificate.equals(b.certificate) &&
  a.key.equals(b.key) &&
  (a.clientCa ?? EMPTY).equals(b.clientCa ?? EMPTY);

/**
 * Reads the files and goes with their changes. Contents are compared, so renames and the swapped
 * links of a mounted secret count alike. Throws for files that are wrong at the start; later ones
 * that are wrong at two looks in a row (one may fall between two renames) are told to `say`, and
 * the last good ones stay.
 */
export function openTlsFiles(
  paths: TlsPaths,
  say: (line: string) => void,
  lookMs = LOOK_MS,
): TlsFiles {
  const watchers = new Set<() => void>();
  let current = readPem(paths);
  checkPem(current, paths);
  const take = (): void => {
    const next = readPem(paths);
    if (isSame(next, current)) return;
    checkPem(next, paths);
    current = next;
    say(`auth.tls: ${paths.certificate} was read again; new connections use it`);
    for (const watcher of watchers) watcher();
  };
  let faults: { text: string; looks: number } = { text: "", looks: 0 };
  const look = (): void => {
    let text = "";
    try {
      take();
    } catch (thrown) {
      text = LimenError.from(thrown, "auth.tls").message;
    }
    faults = { text, looks: text === faults.text ? faults.looks + 1 : 1 };
    if (text && faults.looks === 2) say(`${text}; the files read before stay in use`);
  };
  const timer = setInterval(look, lookMs);
  timer.unref();
  return {
    current: () => current,
    watch(onChange) {
      watchers.add(onChange);
      return () => watchers.delete(onChange);
    },
    close: () => clearInterval(timer),
  };
}
