import asc from "assemblyscript/asc";

/**
 * A guest that says what it is asked for: it logs each callback as "name id other" and does what the
 * first byte of its configuration tells it (F: refuse, T: trap, anything else: accept).
 */
const SOURCE = `
@external("env", "proxy_log") declare function log(level: i32, text: usize, length: i32): i32;
@external("env", "proxy_get_buffer_bytes")
declare function read(buffer: i32, start: i32, length: i32, at: usize, size: usize): i32;
@external("env", "proxy_get_header_map_value")
declare function value(map: i32, name: usize, length: i32, at: usize, size: usize): i32;
@external("env", "proxy_replace_header_map_value")
declare function replace(map: i32, name: usize, length: i32, text: usize, size: i32): i32;
@external("env", "proxy_set_property")
declare function setProperty(name: usize, length: i32, text: usize, size: i32): i32;
const arena: usize = memory.data(4096);
const out: usize = memory.data(64);
const line: usize = memory.data(16);
let last: i32 = 0;
export function proxy_abi_version_0_2_1(): void {}
export function proxy_on_memory_allocate(size: usize): usize { return size > 4096 ? 0 : arena; }
function say(kind: i32, id: i32, other: i32): void {
  store<u8>(line, kind); store<u8>(line, 48 + id, 1); store<u8>(line, 48 + other, 2);
  log(2, line, 3);
}
export function proxy_on_context_create(id: i32, parent: i32): void { say(99, id, parent); }
export function proxy_on_vm_start(id: i32, size: i32): i32 { say(115, id, 0); return 1; }
export function proxy_on_configure(id: i32, size: i32): i32 {
  say(111, id, 0);
  if (size == 0) return 1;
  if (read(7, 0, size, out, out + 4) != 0) return 0;
  last = load<u8>(load<u32>(out));
  if (last == 84) unreachable();
  return last == 70 ? 0 : 1;
}
export function proxy_on_request_headers(id: i32, count: i32, end: i32): i32 {
  store<u8>(line, 120);
  const status = value(0, line, 1, out, out + 4);
  if (status == 0 && load<u32>(out + 4) == 0) { say(101, load<u32>(out), 0); return 0; }
  if (status == 0 && load<u8>(load<u32>(out)) == 84) unreachable();
  store<u8>(line, last, 4);
  store<u8>(line, 118);
  replace(0, line, 1, line + 4, 1);
  setProperty(line, 1, line + 4, 1);
  return 0;
}
export function proxy_on_response_headers(id: i32, count: i32, end: i32): i32 {
  store<u8>(line, 120);
  say(114, value(0, line, 1, out, out + 4), value(2, line, 1, out, out + 4));
  return 0;
}
export function proxy_on_log(id: i32): void { say(108, id, 0); }
export function proxy_on_done(id: i32): i32 { say(100, id, 0); return 1; }
export function proxy_on_delete(id: i32): void { say(68, id, 0); }
`;

/** Compiles a guest; the default is the one above. */
export async function compileGuest(source: string = SOURCE): Promise<WebAssembly.Module> {
  const options = { optimizeLevel: 1, runtime: "stub", use: ["abort="], noAssert: true };
  const { error, binary, stderr } = await asc.compileString(source, options);
  if (error !== null || binary === null) throw new Error(`guest: ${stderr.toString()}`);
  return new WebAssembly.Module(new Uint8Array(binary));
}
