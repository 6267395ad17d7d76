// Short texts for metric names and log lines. A literal is UTF-16 in static memory; its ASCII bytes
// are copied out, so no string is ever made.

const TEXT: usize = memory.data(256);
const TEXT_BYTES: i32 = 256;

export let textLength: i32 = 0;

export function textStart(): usize {
  return TEXT;
}

export function startText(): void {
  textLength = 0;
}

function putByte(byte: i32): void {
  if (textLength >= TEXT_BYTES) return;
  store<u8>(TEXT + textLength, byte as u8);
  textLength += 1;
}

export function putText(literal: string): void {
  const from = changetype<usize>(literal);
  const length = literal.length;
  for (let index = 0; index < length; index++) putByte(load<u16>(from + (index << 1)));
}

export function putBytes(at: usize, length: i32): void {
  for (let index = 0; index < length; index++) putByte(load<u8>(at + index));
}

export function putNumber(value: u32): void {
  if (value >= 10) putNumber(value / 10);
  putByte(0x30 + ((value % 10) as i32));
}
