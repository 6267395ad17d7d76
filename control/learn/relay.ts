/**
 * Labels that others put on limen.labels as JSON. Who does so knows neither our hash of a request id
 * nor its partition, so the label goes to its place as an event of its own, once per offset unless
 * the process dies in between: a repeat is a duplicate.
 */
import { LimenError } from "../errors.ts";
import type { NewEvent, StoredEvent } from "../events/log.ts";

/** What a JSON value on the topic stands for: the events to append, or why it is none. */
export type OpenedLabel = { events: readonly NewEvent[] } | { reject: string };

/** `by` names where the value lies; `time` is its intake. Does not throw. */
export type OpenLabel = (value: unknown, place: { by: string; time: number }) => OpenedLabel;

const OPEN_BRACE = 0x7b;

/** Whether the event says or looks that it is JSON: no event of ours begins with a brace. */
export function isJson({ headers, value }: StoredEvent): boolean {
  if (value === null) return false;
  const type = headers["content-type"]?.trim().toLowerCase() ?? "";
  return value[0] === OPEN_BRACE || /^application\/json *(;|$)/.test(type);
}

/** What a JSON label becomes. */
export function openJson(event: StoredEvent, openLabel: OpenLabel | undefined): OpenedLabel {
  if (!openLabel) return { reject: "label: JSON is not taken here" };
  const { partition, offset, time } = event;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(event.value ?? new Uint8Array(0)));
    return openLabel(value, { by: `limen.labels/${partition}/${offset}`, time });
  } catch (thrown) {
    return { reject: `label: ${LimenError.from(thrown, "reading JSON").message}` };
  }
}
