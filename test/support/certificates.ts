// Certificates for tests over TLS, made on the spot: an authority, servers, and clients with a
// SPIFFE id. The files are as Envoy, Kafka and Node read them: PEM, keys in PKCS #8.
import "reflect-metadata";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

/** P-256 with SHA-256: what a mesh issues, and made in under a millisecond. */
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR_MS = 3_600_000;

export type Pem = { certificate: string; key: string };
export type Authority = {
  /** The certificate of the authority itself, PEM. */
  certificate: string;
  issue(options: IssueOptions): Promise<Pem>;
};
export type IssueOptions = {
  /** Common name; Kafka takes it for the principal (`CN=NAME`). */
  name?: string;
  dns?: readonly string[];
  ip?: readonly string[];
  /** URI subject alternative names, as `spiffe://cluster.local/ns/shop/sa/web`. */
  uris?: readonly string[];
  /** Validity in milliseconds from now; the beginning lies an hour back unless given. */
  fromMs?: number;
  untilMs?: number;
};

const makeKeys = (): Promise<CryptoKeyPair> =>
  crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);

async function writeKey(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function makeSerial(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(8)).map((b, at) => (at ? b : b & 0x7f)))
    .toString("hex")
    .padStart(16, "0");
}

/** An authority of its own; two of one name are still two. */
export async function createAuthority(name = "test authority"): Promise<Authority> {
  const keys = await makeKeys();
  const now = Date.now();
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: makeSerial(),
    name: `CN=${name}`,
    notBefore: new Date(now - HOUR_MS),
    notAfter: new Date(now + 24 * HOUR_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificate: `${own.toString("pem")}\n`,
    issue: (options) => issue(own, keys.privateKey, options),
  };
}

async function issue(
  authority: x509.X509Certificate,
  signingKey: CryptoKey,
  options: IssueOptions,
): Promise<Pem> {
  const { name = "test", dns = [], ip = [], uris = [] } = options;
  const keys = await makeKeys();
  const now = Date.now();
  const names: x509.JsonGeneralNames = [
    ...dns.map((value) => ({ type: "dns" as const, value })),
    ...ip.map((value) => ({ type: "ip" as const, value })),
    ...uris.map((value) => ({ type: "url" as const, value })),
  ];
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: makeSerial(),
    subject: `CN=${name}`,
    issuer: authority.subject,
    notBefore: new Date(now + (options.fromMs ?? -HOUR_MS)),
    notAfter: new Date(now + (options.untilMs ?? 24 * HOUR_MS)),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return { certificate: `${leaf.toString("pem")}\n`, key: `${await writeKey(keys.privateKey)}\n` };
}

/** A server on this machine, by every name it has. */
export function issueServer(authority: Authority, more: IssueOptions = {}): Promise<Pem> {
  return authority.issue({
    name: "localhost",
    dns: ["localhost"],
    ip: ["127.0.0.1", "::1"],
    ...more,
  });
}

/** A workload as a mesh names it. */
export function issueWorkload(
  authority: Authority,
  namespace: string,
  serviceAccount: string,
  trustDomain = "cluster.local",
): Promise<Pem> {
  const uri = `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
  return authority.issue({ name: serviceAccount, uris: [uri] });
}

export type PemFiles = { certificate: string; key: string; ca: string };

/**
 * Writes `NAME.crt`, `NAME.key` and `NAME-ca.crt` and gives their paths. Files that are there are
 * replaced by a rename, as those that rotate them do; the key is readable by its owner only.
 */
export function writePem(folder: string, name: string, pem: Pem, ca: string): PemFiles {
  mkdirSync(folder, { recursive: true });
  const put = (file: string, text: string, mode = 0o644): string => {
    const path = join(folder, file);
    writeFileSync(`${path}.new`, text, { mode });
    renameSync(`${path}.new`, path);
    return path;
  };
  return {
    key: put(`${name}.key`, pem.key, 0o600),
    certificate: put(`${name}.crt`, pem.certificate),
    ca: put(`${name}-ca.crt`, ca),
  };
}
