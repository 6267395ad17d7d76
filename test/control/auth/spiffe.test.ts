import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchSpiffe, matchText, parseSpiffe, readSpiffe } from "../../../control/auth/spiffe.ts";
import { createAuthority } from "../../support/certificates.ts";

const authority = await createAuthority();
async function issueWith(uris: string[], more = {}): Promise<Uint8Array> {
  const { certificate } = await authority.issue({ uris, ...more });
  return new X509Certificate(certificate).raw;
}

describe("parseSpiffe", () => {
  it("reads namespace and service account of an id of Kubernetes", () => {
    expect(parseSpiffe("spiffe://cluster.local/ns/shop/sa/web")).toEqual({
      uri: "spiffe://cluster.local/ns/shop/sa/web",
      trustDomain: "cluster.local",
      namespace: "shop",
      serviceAccount: "web",
    });
  });

  it("gives an id of another form no namespace", () => {
    expect(parseSpiffe("spiffe://example.org/edge/1")).toMatchObject({
      trustDomain: "example.org",
      namespace: null,
      serviceAccount: null,
    });
  });

  // The rules of the SPIFFE ID standard, section 2.
  it.each([
    "https://cluster.local/ns/shop/sa/web",
    "SPIFFE://cluster.local/a",
    "spiffe://cluster.local",
    "spiffe://cluster.local/",
    "spiffe:///ns/shop/sa/web",
    "spiffe://Cluster.local/a",
    "spiffe://cluster.local:8443/a",
    "spiffe://me@cluster.local/a",
    "spiffe://cluster.local/a/",
    "spiffe://cluster.local//a",
    "spiffe://cluster.local/a/../b",
    "spiffe://cluster.local/./a",
    "spiffe://cluster.local/a%2fb",
    "spiffe://cluster.local/a?b",
    "spiffe://cluster.local/a#b",
    "spiffe://cluster.local/*",
  ])("refuses %s", (uri) => {
    expect(parseSpiffe(uri)).toBe(null);
  });

  it("reads an id of 2048 bytes and refuses one byte more", () => {
    const pad = (bytes: number): string => "spiffe://a/".padEnd(bytes, "b");
    expect([parseSpiffe(pad(2048)) !== null, parseSpiffe(pad(2049))]).toEqual([true, null]);
  });
});

describe("readSpiffe", () => {
  it("takes the one URI among other names", async () => {
    const uri = "spiffe://cluster.local/ns/shop/sa/web";
    const certificate = await issueWith([uri], { dns: ["web"], ip: ["10.0.0.1"] });
    expect(readSpiffe(certificate)?.uri).toBe(uri);
  });

  it.each([
    ["no URI", []],
    ["two URIs", ["spiffe://cluster.local/a", "spiffe://cluster.local/b"]],
    ["a URI of another kind", ["https://cluster.local/a"]],
    ["a URI that looks like two names", ["https://x/, URI:spiffe://cluster.local/a"]],
  ])("finds none in a certificate with %s", async (_, uris) => {
    expect(readSpiffe(await issueWith(uris))).toBe(null);
  });

  it("believes no DNS name that spells a URI", async () => {
    const dns = ["x, URI:spiffe://cluster.local/a"];
    expect(readSpiffe(await issueWith([], { dns }))).toBe(null);
  });
});

describe("matchSpiffe", () => {
  const web = "spiffe://cluster.local/ns/shop/sa/web";
  it.each([
    [web, true],
    ["spiffe://cluster.local/ns/shop/*", true],
    ["spiffe://cluster.local/ns/*/sa/web", true],
    ["spiffe://cluster.local/ns/sh*/sa/w*b", true],
    ["spiffe://cluster.local/*", true],
    ["spiffe://cluster.local/ns/sho/*", false],
    ["spiffe://cluster.local/ns/shop/sa", false],
    ["spiffe://cluster.local/*/web", false],
    ["spiffe://cluster.local/ns/shop/sa/web/*", false],
    ["spiffe://other.local/*", false],
  ])("takes %s: %s", (pattern, isMatch) => {
    expect(matchSpiffe(pattern, web)).toBe(isMatch);
  });

  it("never takes an id of another namespace for a pattern of one", () => {
    const name = fc.stringMatching(/^[a-z0-9.-]{1,8}$/).filter((text) => !/^\.{1,2}$/.test(text));
    fc.assert(
      fc.property(name, name, name, (mine, theirs, account) => {
        const isMatch = matchSpiffe(
          `spiffe://cluster.local/ns/${mine}/*`,
          `spiffe://cluster.local/ns/${theirs}/sa/${account}`,
        );
        return isMatch === (mine === theirs);
      }),
    );
  });
});

describe("matchText", () => {
  it("agrees with a regular expression", () => {
    const text = fc.stringMatching(/^[ab*]{0,8}$/);
    fc.assert(
      fc.property(text, fc.stringMatching(/^[ab]{0,8}$/), (pattern, value) => {
        const dull = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
        return matchText(pattern, value) === dull.test(value);
      }),
    );
  });

  it("takes linear time for what a hostile caller sends", () => {
    const began = performance.now();
    matchText("*a*a*a*a*a*a*b", "a".repeat(1_000_000));
    expect(performance.now() - began).toBeLessThan(1000);
  });
});
