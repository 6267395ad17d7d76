import { describe, expect, it } from "vitest";
import { parseSettings } from "../../control/settings.ts";

const parse = (extra: Record<string, unknown>) =>
  parseSettings({ limen: 1, models: ["models/bot"], ...extra }, "limen.yaml", "/etc/limen");

const TLS = { certificate: "tls/tls.crt", key: "tls/tls.key", clientCa: "/ca.crt" };
const SHOP = { spiffe: "spiffe://cluster.local/ns/shop/*", role: "proxy" };
const XDS = { listen: { xds: "0.0.0.0:18000" } };
const HTTP = { listen: { http: "[::]:18001" } };

describe("auth in limen.yaml", () => {
  it("is nobody but loopback without the key", () => {
    expect(parse({}).auth).toBe(null);
  });

  it("takes files against the folder of limen.yaml, and the resource limen unless told", () => {
    expect(parse({ auth: { tls: TLS, tokens: "tokens.yaml", allow: [SHOP] } }).auth).toEqual({
      tls: {
        certificate: "/etc/limen/tls/tls.crt",
        key: "/etc/limen/tls/tls.key",
        clientCa: "/ca.crt",
      },
      trustDomain: "cluster.local",
      tokens: "/etc/limen/tokens.yaml",
      allow: [{ ...SHOP, resources: ["limen"], node: null }],
      plaintext: false,
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ["xds with TLS and a proxy", { ...XDS, auth: { tls: TLS, allow: [SHOP] } }],
    ["http with TLS and tokens", { ...HTTP, auth: { tls: TLS, tokens: "t" } }],
    [
      "http with TLS and a reader's certificate",
      { ...HTTP, auth: { tls: TLS, allow: [{ ...SHOP, role: "reader" }] } },
    ],
    ["xds in plaintext when told so", { ...XDS, auth: { plaintext: true } }],
    ["http in plaintext with tokens", { ...HTTP, auth: { plaintext: true, tokens: "t" } }],
    ["xds at a host name", { listen: { xds: "limen:1" }, auth: { plaintext: true } }],
  ])("lets others reach %s", (_, extra) => {
    expect(() => parse(extra)).not.toThrow();
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ["xds without auth", XDS, /listen\.xds: 0\.0\.0\.0:18000 is refused.*add auth\.tls .*proxy/],
    ["xds with tokens only", { ...XDS, auth: { tokens: "t" } }, /listen\.xds.*refused/],
    ["xds with no proxy allowed", { ...XDS, auth: { tls: TLS, tokens: "t" } }, /listen\.xds/],
    ["http without auth", HTTP, /listen\.http.*refused.*add auth\.tls .*auth\.tokens/],
    ["http with proxies only", { ...HTTP, auth: { tls: TLS, allow: [SHOP] } }, /auth\.tokens/],
    ["http in plaintext without tokens", { ...HTTP, auth: { plaintext: true } }, /auth\.tokens/],
  ])("refuses %s and says what to add", (_, extra, message) => {
    expect(() => parse(extra)).toThrow(message);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ["TLS and plaintext at once", { tls: TLS, plaintext: true }, /exclude each other/],
    [
      "entries without the authority of clients",
      { tls: { certificate: "a", key: "b" }, allow: [SHOP] },
      /add it/,
    ],
    [
      "an entry of another trust domain",
      { allow: [SHOP], trustDomain: "a.b" },
      /trust domain a\.b/,
    ],
    ["a pattern that is none", { allow: [{ ...SHOP, spiffe: "shop" }] }, /begins with spiffe/],
    ["a pattern over trust domains", { allow: [{ ...SHOP, spiffe: "spiffe://*/a" }] }, /trust dom/],
    [
      "resources for a reader",
      { allow: [{ ...SHOP, role: "reader", resources: ["a"] }] },
      /role p/,
    ],
    ["a node rule that says nothing", { allow: [{ ...SHOP, node: {} }] }, /id, cluster or metad/],
    ["an unknown role", { allow: [{ ...SHOP, role: "root" }] }, /auth\.allow\.0\.role/],
    ["an unknown key", { token: "t" }, /unknown key auth\.token; .*"tokens"/],
    ["257 entries", { allow: Array(257).fill(SHOP) }, /at most 256/],
  ])("refuses %s", (_, auth, message) => {
    expect(() => parse({ auth })).toThrow(message);
  });

  it("takes 256 entries", () => {
    const { auth } = parse({ auth: { tls: TLS, allow: Array(256).fill(SHOP) } });
    expect(auth?.allow).toHaveLength(256);
  });
});
