import type { NodeClaim } from "../auth/node.ts";
import type { Node as NodeMessage } from "./proto/core_pb.ts";
import type { DiscoveryRequest } from "./proto/discovery_pb.ts";
import type { Node, Request } from "./subscription.ts";

/** The first Envoy whose state-of-the-world client reads a TTL; it announces no feature for it. */
const TTL_SINCE = { major: 1, minor: 17 };

/** A request on the wire as the rules take it. */
export function readRequest(
  message: DiscoveryRequest,
  parseNonce: (text: string) => number,
): Request {
  return {
    node: message.node === undefined ? null : readNode(message.node),
    version: message.versionInfo,
    names: message.resourceNames,
    typeUrl: message.typeUrl,
    nonce: parseNonce(message.responseNonce),
    error: message.errorDetail === undefined ? null : message.errorDetail.message,
  };
}

function readNode(node: NodeMessage): Node {
  const build = node.userAgentVersionType;
  const version = build.case === "userAgentBuildVersion" ? build.value.version : undefined;
  const { majorNumber: major = 0, minorNumber: minor = 0, patch = 0 } = version ?? {};
  return {
    id: node.id,
    cluster: node.cluster,
    version: version === undefined ? "" : `${major}.${minor}.${patch}`,
    hasTtl: major > TTL_SINCE.major || (major === TTL_SINCE.major && minor >= TTL_SINCE.minor),
  };
}

/** What a proxy says of itself, for the check of who it is. */
export function readClaim({ id, cluster, metadata }: NodeMessage): NodeClaim {
  return { id, cluster, metadata: metadata ?? {} };
}
