/** Short names of Envoy's response flags: field n of envoy.data.accesslog.v3.ResponseFlags is at n - 1. */
export const RESPONSE_FLAGS: readonly string[] =
  "LH UH UT LR UR UF UC UO NR DI FI RL UAEX RLSE DC URX SI IH DPE UMSDR RFCF NFCF DT UPE NC OM DF DR".split(
    " ",
  );
