/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) over 32-bit halves: state words are
 * [low, high] pairs v0 v1 v2 v3 at 0, 2, 4, 6.
 */
type State = Int32Array;

function add(state: State, to: number, from: number): void {
  const low = ((state[to] ?? 0) >>> 0) + ((state[from] ?? 0) >>> 0);
  state[to] = low;
  state[to + 1] = (state[to + 1] ?? 0) + (state[from + 1] ?? 0) + (low > 0xffffffff ? 1 : 0);
}

/** Rotates left by 1 to 31 bits, then mixes another word in. */
function rotateMix(state: State, at: number, bits: number, other: number): void {
  const [low = 0, high = 0] = [state[at], state[at + 1]];
  state[at] = ((low << bits) | (high >>> (32 - bits))) ^ (state[other] ?? 0);
  state[at + 1] = ((high << bits) | (low >>> (32 - bits))) ^ (state[other + 1] ?? 0);
}

/** A rotation by 32 bits swaps the halves. */
function swap(state: State, at: number): void {
  const low = state[at] ?? 0;
  state[at] = state[at + 1] ?? 0;
  state[at + 1] = low;
}

function runRounds(state: State, rounds: number): void {
  for (let round = 0; round < rounds; round++) {
    add(state, 0, 2);
    rotateMix(state, 2, 13, 0);
    swap(state, 0);
    add(state, 4, 6);
    rotateMix(state, 6, 16, 4);
    add(state, 0, 6);
    rotateMix(state, 6, 21, 0);
    add(state, 4, 2);
    rotateMix(state, 2, 17, 4);
    swap(state, 4);
  }
}

function absorb(state: State, low: number, high: number): void {
  state[6] = (state[6] ?? 0) ^ low;
  state[7] = (state[7] ?? 0) ^ high;
  runRounds(state, 2);
  state[0] = (state[0] ?? 0) ^ low;
  state[1] = (state[1] ?? 0) ^ high;
}

/** "somepseudorandomlygeneratedbytes", as 64-bit words, low half first. */
const START = [
  0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462,
];

/**
 * The function that hashes a request id as the token carries it: SipHash-2-4 under the token key
 * of 16 bytes, the 64-bit result as 8 little-endian bytes. It keys decisions and labels.
 */
export function createHashId(tokenKey: Uint8Array): (id: Uint8Array) => Uint8Array {
  const keyView = new DataView(tokenKey.buffer, tokenKey.byteOffset, 16);
  const start = Int32Array.from(
    START,
    (word, at) => word ^ keyView.getInt32(((at >> 1) % 2) * 8 + (at % 2) * 4, true),
  );
  return (id) => {
    const state = start.slice();
    const padded = new Uint8Array((id.length & ~7) + 8);
    padded.set(id);
    padded[padded.length - 1] = id.length & 0xff;
    const view = new DataView(padded.buffer);
    for (let at = 0; at < padded.length; at += 8) {
      absorb(state, view.getInt32(at, true), view.getInt32(at + 4, true));
    }
    state[4] = (state[4] ?? 0) ^ 0xff;
    runRounds(state, 4);
    const hash = new Uint8Array(8);
    const out = new DataView(hash.buffer);
    for (const half of [0, 1]) {
      const words = [0, 2, 4, 6].map((at) => state[at + half] ?? 0);
      out.setInt32(
        4 * half,
        words.reduce((mixed, word) => mixed ^ word, 0),
        true,
      );
    }
    return hash;
  };
}
