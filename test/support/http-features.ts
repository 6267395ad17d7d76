import type { Feature } from "../../control/table/table.ts";

// The 28 lexical request features as a feature program; names and order are those of the data set.
// A pattern list is the alternation of the regular expression it stands for, in order.
const counted = (name: string, any: readonly string[]): Feature => ({
  name,
  of: "query",
  is: "matches",
  any,
  fold: true,
});

export const HTTP_FEATURES: readonly Feature[] = [
  { name: "path_len", of: "path", is: "length" },
  { name: "path_depth", of: "path", is: "depth" },
  { name: "path_digits", of: "path", is: "digits" },
  { name: "path_special", of: "path", is: "special", except: "/.-_" },
  { name: "path_pct", of: "path", is: "percent" },
  { name: "path_maxseg", of: "path", is: "longest-segment" },
  { name: "path_dots", of: "path", is: "bytes", any: ["."] },
  { name: "ext_len", of: "path", is: "extension-length" },
  { name: "query_len", of: "query", is: "length" },
  { name: "n_params", of: "query", is: "parameter-count" },
  { name: "q_digit_ratio", of: "query", is: "digits", ratio: true },
  { name: "q_upper_ratio", of: "query", is: "upper", ratio: true },
  { name: "q_special_ratio", of: "query", is: "special", except: "&=", ratio: true },
  { name: "q_pct", of: "query", is: "percent" },
  { name: "q_pct25", of: "query", is: "matches", any: ["%25"] },
  counted("q_ctl", ["%0[0-9a-f]"]),
  counted("q_quote", ["['\"`]", "%27", "%22", "%60"]),
  counted("q_angle", ["[<>]", "%3c", "%3e"]),
  counted("q_paren", ["[()]", "%28", "%29"]),
  counted("q_semi", [";", "%3b"]),
  { name: "q_dashes", of: "query", is: "matches", any: ["--"] },
  counted("q_space", ["+", " ", "%20"]),
  counted("q_highbyte", ["[\\x80-\\xff]", "%[89a-f][0-9a-f]"]),
  { name: "q_longest_token", of: "query", is: "longest-token", split: "&=" },
  { name: "q_longest_name", of: "query", is: "longest-name" },
  {
    name: "dotdot",
    of: "target",
    is: "matches",
    any: ["..", "%2e%2e", ".%2e", "%2e."],
    fold: true,
  },
  { name: "entropy", of: "target", is: "entropy" },
  { name: "content_length", of: "header:content-length", is: "number" },
];
