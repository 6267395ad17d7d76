// KIND_SETTINGS and the byte pool.

import * as limit from "../../models/limits";
import * as refusal from "../../models/refusals";
import * as layout from "../../models/table-layout";
import { sectionLength, settingsOf } from "../table";

function isShare(at: usize): bool {
  return load<u32>(at) <= (limit.SHARE_ALL as u32);
}

export function checkSettings(table: usize): i32 {
  if (sectionLength(table, layout.KIND_SETTINGS) !== layout.SETTINGS_SIZE) {
    return refusal.REFUSE_SECTION_LENGTH;
  }
  if (sectionLength(table, layout.KIND_BYTES) > limit.BYTES_POOL_MAX) {
    return refusal.REFUSE_SECTION_LENGTH;
  }
  const settings = settingsOf(table);
  const sections = load<i32>(table + layout.HEAD_SECTIONS);
  const models =
    (sections - layout.KIND_IGNORED) / (layout.KIND_CANDIDATE_CUTS - layout.KIND_MODEL + 1);
  if (load<i32>(settings + layout.SETTINGS_MODELS) !== models) return refusal.REFUSE_DIRECTORY;
  if (load<u64>(settings + layout.SETTINGS_RESERVED) !== 0) return refusal.REFUSE_RESERVED;
  const sound =
    (load<u32>(settings + layout.SETTINGS_FLAGS) & ~layout.FLAGS_ALL) === 0 &&
    isShare(settings + layout.SETTINGS_AUDIT) &&
    isShare(settings + layout.SETTINGS_EXTRA) &&
    isShare(settings + layout.SETTINGS_CANDIDATE) &&
    isShare(settings + layout.SETTINGS_VECTOR) &&
    load<u32>(settings + layout.SETTINGS_EXTRA_WIDTH) <= (limit.BINS as u32) &&
    load<u16>(settings + layout.SETTINGS_SEGMENT_MATCH) <= (layout.MATCH_PREFIX as u16);
  return sound ? 0 : refusal.REFUSE_SETTINGS;
}
