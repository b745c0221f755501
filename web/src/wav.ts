/** WAV files: read sample by sample, as no browser does without resampling, and written. */

export interface Sound {
  channels: Float32Array[];
  rateHz: number;
}

/** Why a recording cannot be used, in words that follow its name. */
export class Unusable extends Error {}

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
/** Writers that cannot seek back leave a size from here up in the header, and then mean "to the end". */
const UNTOLD = 0x7f000000;

/** The samples of a WAV file, or null where it is none, or is coded in another way than PCM or floating point. */
export function readWav(bytes: ArrayBuffer): Sound | null {
  const view = new DataView(bytes);
  const word = (at: number) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  if (bytes.byteLength < 12 || word(0) !== "RIFF" || word(8) !== "WAVE") return null;
  let coding = 0;
  let count = 0;
  let rateHz = 0;
  let bits = 0;
  for (let at = 12; at + 8 <= bytes.byteLength; ) {
    const [name, size] = [word(at), view.getUint32(at + 4, true)];
    at += 8;
    if (name === "fmt " && at + 16 <= bytes.byteLength) {
      coding = view.getUint16(at, true);
      count = view.getUint16(at + 2, true);
      rateHz = view.getUint32(at + 4, true);
      bits = view.getUint16(at + 14, true);
      if (coding === EXTENSIBLE && at + 26 <= bytes.byteLength) coding = view.getUint16(at + 24, true);
    } else if (name === "data") {
      const missing = size < UNTOLD ? at + size - bytes.byteLength : 0;
      if (missing > 0) throw new Unusable(`is truncated: ${missing} bytes of sound are missing; copy or download it anew`);
      const sample = count ? sampleReader(view, coding, bits) : null;
      if (!sample) return null;
      const width = bits / 8;
      const frames = Math.floor(Math.min(size, bytes.byteLength - at) / (width * count));
      const channels = Array.from({ length: count }, (_, channel) =>
        Float32Array.from({ length: frames }, (_, frame) => sample(at + (frame * count + channel) * width)),
      );
      return { channels, rateHz };
    }
    at += size + (size & 1);
  }
  return null;
}

function sampleReader(view: DataView, coding: number, bits: number): ((at: number) => number) | null {
  switch (`${coding}/${bits}`) {
    case `${PCM}/8`:
      return (at) => (view.getUint8(at) - 128) / 128;
    case `${PCM}/16`:
      return (at) => view.getInt16(at, true) / 2 ** 15;
    case `${PCM}/24`:
      return (at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 2 ** 23;
    case `${PCM}/32`:
      return (at) => view.getInt32(at, true) / 2 ** 31;
    case `${FLOAT}/32`:
      return (at) => view.getFloat32(at, true);
    case `${FLOAT}/64`:
      return (at) => view.getFloat64(at, true);
    default:
      return null;
  }
}

/** A WAV file of one channel of 32-bit floating point. */
export function writeWav(samples: Float32Array, rateHz: number): ArrayBuffer {
  const bytes = new ArrayBuffer(44 + 4 * samples.length);
  const view = new DataView(bytes);
  const words: [number, string][] = [[0, "RIFF"], [8, "WAVEfmt "], [36, "data"]]; // prettier-ignore
  for (const [at, text] of words) for (let i = 0; i < text.length; i++) view.setUint8(at + i, text.charCodeAt(i));
  view.setUint32(4, 36 + 4 * samples.length, true);
  view.setUint32(16, 16, true);
  view.setUint16(20, FLOAT, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rateHz, true);
  view.setUint32(28, 4 * rateHz, true);
  view.setUint16(32, 4, true);
  view.setUint16(34, 32, true);
  view.setUint32(40, 4 * samples.length, true);
  new Float32Array(bytes, 44).set(samples);
  return bytes;
}
