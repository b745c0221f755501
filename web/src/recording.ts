/** A recording as one channel at its own rate, or one line that says why it cannot be used (`emovox.audio`). */

import { readWav, Unusable, type Sound } from "./wav";

export interface Recording {
  name: string;
  samples: Float32Array;
  rateHz: number;
}

const MIN_SECONDS = 0.1;
export const MAX_SECONDS = 60;
const MIN_RATE_HZ = 4000;
const MAX_RATE_HZ = 768_000;
const SILENCE = 1e-5;
const MAX_LEVEL = 8;
const OTHER_RATE_HZ = 48_000;

/** Reads a file. WAV is read here; what else there is, the browser decodes. */
export async function readRecording(name: string, bytes: ArrayBuffer): Promise<Recording> {
  try {
    if (!bytes.byteLength) throw new Unusable("is empty; record or download it anew");
    return check({ name, ...mixed(readWav(bytes) ?? (await decoded(bytes))) });
  } catch (error) {
    throw error instanceof Unusable ? new Unusable(`${name} ${error.message}.`) : error;
  }
}

/** The same recording, where it can be listened to. */
export function check(recording: Recording): Recording {
  const { samples, rateHz } = recording;
  if (rateHz < MIN_RATE_HZ || rateHz > MAX_RATE_HZ) {
    throw new Unusable(`has ${rateHz} samples a second; record it anew at 16000 or more`);
  }
  const seconds = samples.length / rateHz;
  if (!samples.length) throw new Unusable("holds no samples; record it anew");
  if (seconds < MIN_SECONDS) {
    const told = (1000 * seconds).toFixed(0);
    throw new Unusable(`lasts ${told} ms; at least 100 ms are needed, so give the whole utterance`);
  }
  if (seconds > MAX_SECONDS) {
    const told = seconds.toFixed(0);
    throw new Unusable(`lasts ${told} s; at most ${MAX_SECONDS} s are judged at once, so cut it into utterances`);
  }
  let low = Infinity;
  let high = -Infinity;
  for (const sample of samples) {
    if (!Number.isFinite(sample)) throw new Unusable("holds NaN or infinite samples; export it again from its source");
    low = Math.min(low, sample);
    high = Math.max(high, sample);
  }
  if (Math.max(-low, high) > MAX_LEVEL) {
    const told = Math.max(-low, high).toPrecision(3);
    throw new Unusable(`swings to ${told} times full scale; scale it to ±1, or export it again from its source`);
  }
  if (high - low < SILENCE) {
    throw new Unusable("is silent once mixed to one channel; check the microphone and record it anew");
  }
  return recording;
}

function mixed({ channels, rateHz }: Sound): { samples: Float32Array; rateHz: number } {
  if (channels.length === 1) return { samples: channels[0], rateHz };
  const samples = channels[0].map((_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
  return { samples, rateHz };
}

async function decoded(bytes: ArrayBuffer): Promise<Sound> {
  const rateHz = rateOf(new DataView(bytes)) ?? OTHER_RATE_HZ;
  try {
    const buffer = await new OfflineAudioContext(1, 1, rateHz).decodeAudioData(bytes.slice(0));
    return { channels: Array.from({ length: buffer.numberOfChannels }, (_, k) => buffer.getChannelData(k)), rateHz };
  } catch {
    throw new Unusable("is not a recording that this browser can read; give WAV, FLAC, OGG or MP3");
  }
}

const MP3_RATES_HZ = [[11025, 12000, 8000], [], [22050, 24000, 16000], [44100, 48000, 32000]];

/** The rate that a FLAC, Ogg Vorbis or MP3 file tells, at which the browser decodes without resampling. */
export function rateOf(view: DataView): number | null {
  const has = (text: string, at: number) =>
    at + text.length <= view.byteLength && [...text].every((letter, i) => view.getUint8(at + i) === letter.charCodeAt(0));
  if (has("fLaC", 0) && view.byteLength > 22) return view.getUint32(18) >>> 12;
  if (has("OggS", 0) && has("\x01vorbis", 28) && view.byteLength > 44) return view.getUint32(40, true);
  let at = 0;
  while (has("ID3", at) && at + 10 <= view.byteLength) {
    at += 10 + [6, 7, 8, 9].reduce((size, i) => size * 128 + (view.getUint8(at + i) & 127), 0);
  }
  if (at + 4 > view.byteLength || view.getUint8(at) !== 0xff || (view.getUint8(at + 1) & 0xe6) !== 0xe2) return null;
  return MP3_RATES_HZ[(view.getUint8(at + 1) >> 3) & 3][(view.getUint8(at + 2) >> 2) & 3] ?? null;
}
