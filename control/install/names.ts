// Words of a command line that end up as names in manifests: refused here, before anything is written.
import { LimenError } from "../errors.ts";

/** RFC 1123, as Kubernetes has it for namespaces and most names. */
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Kubernetes: syntax and character set of labels. */
const LABEL_KEY =
  /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/;
/** RFC 9110, a field name, as Envoy wants it: lower case. */
const HEADER = /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/;

/** A name of a namespace, an object or an account. */
export function checkDnsLabel(what: string, text: string): string {
  if (DNS_LABEL.test(text)) return text;
  throw new LimenError(
    "usage",
    `${what} "${text}" is no DNS label: 1 to 63 of a-z, 0-9 and "-", letters or digits at both ends; give one like limen-system`,
  );
}

/** `app=shop,tier=web` as labels. */
export function parseLabels(what: string, text: string): Readonly<Record<string, string>> {
  const pairs = text.split(",").map((each) => {
    const [key = "", value, ...rest] = each.trim().split("=");
    if (
      value === undefined ||
      rest.length > 0 ||
      !LABEL_KEY.test(key) ||
      !LABEL_VALUE.test(value)
    ) {
      throw new LimenError("usage", `${what} "${each}" is no label; give KEY=VALUE, like app=shop`);
    }
    return [key, value] as const;
  });
  return Object.fromEntries(pairs);
}

/** The name of a header, in lower case. */
export function checkHeader(what: string, text: string): string {
  const lower = text.toLowerCase();
  if (HEADER.test(lower)) return lower;
  throw new LimenError("usage", `${what} "${text}" is no header name; give one like x-limen-label`);
}

/** A path as another machine sees it: this one cannot know what is there. */
export function checkAbsolute(what: string, text: string): string {
  if (text.startsWith("/")) return text;
  const why = "is relative; give the path in the proxy, like /opt/limen/limen.wasm";
  throw new LimenError("usage", `${what} "${text}" ${why}`);
}
