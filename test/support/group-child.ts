// A member of the group of the settings in its first argument, until it is killed.
import { joinGroup } from "../../control/events/kafka-group.ts";
import type { KafkaSettings } from "../../control/settings-log.ts";

const settings = JSON.parse(process.argv[2] ?? "") as KafkaSettings;
const ignore = (): void => undefined;
joinGroup(settings, { groupId: settings.group, onAssigned: ignore, onError: ignore });
