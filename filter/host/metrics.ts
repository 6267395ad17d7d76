// Counters and gauges of each plugin. They count in VM memory and reach the host at most once a
// second, by the clock a request has read anyway. Names are process-wide in Envoy, so the root id is
// part of them; a metric is defined once a VM, when it is first needed.

import * as decision from "../../models/decision";
import { FLUSH_INTERVAL_MS, PLUGINS_MAX } from "../../models/limits";
import { proxy_define_metric, proxy_increment_metric, proxy_record_metric } from "./env";
import { STATUS_OK } from "./host";
import { PLUGIN_OTHER, rootIdAt, rootIdLength } from "./plugins";
import { putBytes, putText, startText, textLength, textStart } from "./text";

const COUNTER: i32 = 0;
const GAUGE: i32 = 1;

// Metrics of a plugin by number: three statuses, the reasons, then these.
const REASONS: i32 = 3;
const FORGED: i32 = REASONS + decision.REASON_COUNT;
const SERIAL: i32 = FORGED + 1;
const APPLIED: i32 = FORGED + 2;
const METRICS: i32 = FORGED + 3;

// A metric: u64 counted since the last flush, u32 1 + id at the host (0 = not defined), u32 0
const METRIC_BYTES: i32 = 16;
// A plugin: u64 time of the last flush, u64 what the gauges show, then its metrics
const PLUGIN_BYTES: i32 = 16 + METRICS * METRIC_BYTES;
const STATE: usize = memory.data(512 * (PLUGINS_MAX + 1), 8);
const FLUSH_INTERVAL_NS: u64 = (FLUSH_INTERVAL_MS as u64) * 1000000;
const RESULT: usize = memory.data(4, 4);

function stateOf(plugin: i32): usize {
  return STATE + plugin * PLUGIN_BYTES;
}

function metricOf(plugin: i32, metric: i32): usize {
  return stateOf(plugin) + 16 + metric * METRIC_BYTES;
}

function putReason(reason: i32): void {
  putText("reason.");
  if (reason === decision.REASON_NONE) putText("none");
  else if (reason === decision.REASON_NO_TABLE) putText("no_table");
  else if (reason === decision.REASON_EXEMPT) putText("exempt");
  else if (reason === decision.REASON_OFF) putText("off");
  else if (reason === decision.REASON_SHADOW) putText("shadow");
  else if (reason === decision.REASON_AUDIT) putText("audit");
  else if (reason === decision.REASON_BELOW_CUT) putText("below_cut");
  else if (reason === decision.REASON_TRUSTED) putText("trusted");
  else if (reason === decision.REASON_OVERSIZE) putText("oversize");
  else if (reason === decision.REASON_NO_HEADERS) putText("no_headers");
  else if (reason === decision.REASON_WORK) putText("work");
  else if (reason === decision.REASON_PLUGINS) putText("plugins");
  else if (reason === decision.REASON_NAN) putText("nan");
  else putText("write");
}

function putName(plugin: i32, metric: i32): void {
  startText();
  putText("limen.");
  if (plugin === PLUGIN_OTHER) putText("other");
  else putBytes(rootIdAt(plugin), rootIdLength(plugin));
  putText(".");
  if (metric === decision.STATUS_BASE) putText("decisions.base");
  else if (metric === decision.STATUS_TAGGED) putText("decisions.tagged");
  else if (metric === decision.STATUS_UNSCORED) putText("decisions.unscored");
  else if (metric === FORGED) putText("forged_headers");
  else if (metric === SERIAL) putText("table_serial");
  else if (metric === APPLIED) putText("table_applied_ms");
  else putReason(metric - REASONS);
}

/** The id of a metric at the host; -1 when the host refuses to define it. */
function defineMetric(plugin: i32, metric: i32, kind: i32): i32 {
  const at = metricOf(plugin, metric);
  const known = load<i32>(at, 8);
  if (known !== 0) return known - 1;
  putName(plugin, metric);
  if (proxy_define_metric(kind, textStart(), textLength, RESULT) !== STATUS_OK) return -1;
  const id = load<i32>(RESULT);
  store<i32>(at, id + 1, 8);
  return id;
}

function addCount(plugin: i32, metric: i32, count: i32): void {
  const at = metricOf(plugin, metric);
  store<u64>(at, load<u64>(at) + (count as u64));
}

export function countDecision(plugin: i32, status: i32, reason: i32, forged: i32): void {
  addCount(plugin, status, 1);
  addCount(plugin, REASONS + reason, 1);
  if (forged > 0) addCount(plugin, FORGED, forged);
}

/** Sends what was counted, when the last time is a second ago. */
export function flushCounters(plugin: i32, clock: u64): void {
  const last = load<u64>(stateOf(plugin));
  // A clock that went back flushes too.
  if (clock >= last && clock - last < FLUSH_INTERVAL_NS) return;
  store<u64>(stateOf(plugin), clock);
  for (let metric = 0; metric <= FORGED; metric++) {
    const at = metricOf(plugin, metric);
    const count = load<u64>(at);
    // The host refuses an increment of 0.
    if (count === 0) continue;
    const id = defineMetric(plugin, metric, COUNTER);
    if (id < 0) continue;
    if (proxy_increment_metric(id, count as i64) === STATUS_OK) store<u64>(at, 0);
  }
}

function recordGauge(plugin: i32, metric: i32, value: u64): void {
  const id = defineMetric(plugin, metric, GAUGE);
  if (id >= 0) proxy_record_metric(id, value);
}

/**
 * Shows the serial of the table the first request is decided with, and when: a configuration that is
 * only tried out never gets a request. 1 + serial is kept; 0 stands for no table.
 */
export function showTable(plugin: i32, shown: u64, serial: u32, clock: u64): void {
  const state = stateOf(plugin);
  if (load<u64>(state, 8) === shown) return;
  store<u64>(state, shown, 8);
  recordGauge(plugin, SERIAL, serial as u64);
  recordGauge(plugin, APPLIED, clock / 1000000);
}
