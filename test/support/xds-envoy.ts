/**
 * Envoy's ECDS client as it was seen to behave, without a network: it remembers the bytes it was
 * given last, refused ones too, ACKs the same bytes again without applying them, and forgets a
 * NACK that a broken stream swallowed. A resource is a text; a text with "!" is refused.
 */
export type EnvoyAnswer = {
  isFirst: boolean;
  version: string;
  nonce: number;
  error: string | null;
};

export const isBad = (text: string): boolean => text.includes("!");

export function createEnvoy() {
  let given = "";
  let applied = "";
  let version = "";
  return {
    applied: (): string => applied,
    connect: (): EnvoyAnswer => ({ isFirst: true, version, nonce: 0, error: null }),
    take(text: string, textVersion: string, nonce: number): EnvoyAnswer {
      const isSame = text === given;
      given = text;
      if (!isSame && isBad(text)) return { isFirst: false, version, nonce, error: "refused" };
      if (!isSame) applied = text;
      version = textVersion;
      return { isFirst: false, version, nonce, error: null };
    },
  };
}
