/**
 * Motion frames out of H.264: SEI "user data unregistered" messages in an Annex B access unit.
 *
 * H.264 (ITU-T H.264) 7.3.2.3.1 gives the message's framing, 7.4.1 the emulation prevention bytes.
 */

/** Names Mien's motion frames among other SEI messages (src/mien/rtc/codec/sei.py). */
export const MOTION_UUID = "b7c1f0d4-5a3e-4c86-9e21-6d69656e0001";

const NAL_SEI = 6;
const USER_DATA_UNREGISTERED = 5;
const UUID_BYTES = 16;

/** The payload after the UUID of the first matching SEI message of `unit`, or undefined. */
export function findUserData(unit: Uint8Array, uuid: Uint8Array): Uint8Array | undefined {
  for (let start = nextNal(unit, 0); start >= 0; ) {
    const next = nextNal(unit, start);
    if ((unit[start]! & 0x1f) === NAL_SEI) {
      const end = next < 0 ? unit.length : endBefore(unit, next);
      const found = readMessages(unescape(unit.subarray(start + 1, end)), uuid);
      if (found) return found;
    }
    start = next;
  }
  return undefined;
}

/** Index of the first byte after the next start code at or after `from`; -1 when there is none. */
function nextNal(unit: Uint8Array, from: number): number {
  for (let i = from; i + 3 < unit.length; i++) {
    if (unit[i] === 0 && unit[i + 1] === 0 && unit[i + 2] === 1) return i + 3;
  }
  return -1;
}

/** Where the NAL unit in front of the start code that ends at `next` stops (a start code has 3 or 4 bytes). */
function endBefore(unit: Uint8Array, next: number): number {
  let end = next - 3;
  while (end > 0 && unit[end - 1] === 0) end--;
  return end;
}

/** Without the 0x03 bytes that keep start codes out of the payload. */
function unescape(nal: Uint8Array): Uint8Array {
  const out = new Uint8Array(nal.length);
  let length = 0;
  let zeros = 0;
  for (const byte of nal) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    out[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out.subarray(0, length);
}

function readMessages(rbsp: Uint8Array, uuid: Uint8Array): Uint8Array | undefined {
  let at = 0;
  const readNumber = () => {
    let value = 0;
    while (rbsp[at] === 0xff) {
      value += 255;
      at++;
    }
    return value + (rbsp[at++] ?? 0);
  };
  // The last byte is the trailing bits (0x80), and a message has at least a type and a size.
  while (at + 2 < rbsp.length) {
    const type = readNumber();
    const size = readNumber();
    const payload = rbsp.subarray(at, at + size);
    if (payload.length < size) return undefined;
    if (type === USER_DATA_UNREGISTERED && size >= UUID_BYTES && uuid.every((byte, i) => payload[i] === byte)) {
      return payload.slice(UUID_BYTES);
    }
    at += size;
  }
  return undefined;
}

/** The 16 bytes of a UUID in its usual spelling. */
export function uuidBytes(uuid: string): Uint8Array {
  return Uint8Array.from(uuid.replaceAll("-", "").match(/../g) ?? [], (hex) => parseInt(hex, 16));
}
