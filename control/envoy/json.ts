/** A value of Envoy's JSON form. */
export type Json = { [field: string]: unknown };

/** An extension's message with its type, as Envoy's JSON form wants it. */
export function typed(type: string, fields: Json): Json {
  return { "@type": `type.googleapis.com/${type}`, ...fields };
}
