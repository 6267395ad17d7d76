// Named values inside a value: cookies ("a=1; b=2") and query parameters ("a=1&b=2").

import { findCookie, findParameter } from "./names";
import { addValue } from "./spans";
import { spendSteps } from "./work";

/** Every cookie the table asks for, of one cookie header. */
export function readCookies(table: usize, at: usize, length: i32): void {
  spendSteps(length);
  const end = at + length;
  let start = at;
  while (start < end) {
    let stop = start;
    while (stop < end && load<u8>(stop) !== 0x3b) stop += 1;
    while (start < stop && (load<u8>(start) === 0x20 || load<u8>(start) === 0x09)) start += 1;
    const equals = findEquals(start, stop);
    const source = findCookie(table, start, (equals - start) as i32);
    const value = min(equals + 1, stop);
    if (source !== 0) addValue(source, value, (stop - value) as i32);
    start = stop + 1;
  }
}

/** Every parameter the table asks for; names and values stay encoded. */
export function readParameters(table: usize, at: usize, length: i32): void {
  spendSteps(length);
  const end = at + length;
  let start = at;
  while (start < end) {
    let stop = start;
    while (stop < end && load<u8>(stop) !== 0x26) stop += 1;
    const equals = findEquals(start, stop);
    const source = findParameter(table, start, (equals - start) as i32);
    const value = min(equals + 1, stop);
    if (source !== 0) addValue(source, value, (stop - value) as i32);
    start = stop + 1;
  }
}

/** The first '=' of a stretch, or its end. */
function findEquals(start: usize, stop: usize): usize {
  let at = start;
  while (at < stop && load<u8>(at) !== 0x3d) at += 1;
  return at;
}
