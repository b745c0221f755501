import assert from "node:assert/strict";
import { test } from "node:test";

import { predict } from "../src/prediction";
import { rateOf, readRecording } from "../src/recording";
import { readWav, writeWav } from "../src/wav";

const samples = Float32Array.from({ length: 8000 }, (_, i) => Math.sin(i / 9) / 2);

test("a WAV file is read as it was written", () => {
  const { channels, rateHz } = readWav(writeWav(samples, 16000))!;
  assert.equal(rateHz, 16000);
  assert.deepEqual(channels, [samples]);
});

for (const [bits, tolerance] of [[8, 2 ** -7], [16, 2 ** -15], [24, 2 ** -23], [32, 2 ** -24]]) {
  test(`${bits} bits of PCM in two channels are mixed to one`, async () => {
    const bytes = pcm(bits);
    const { samples: mixed, rateHz } = await readRecording("a.wav", bytes);
    assert.equal(rateHz, 8000);
    mixed.forEach((sample, i) => assert.ok(Math.abs(sample - samples[i] / 2) <= tolerance));
  });
}

/** The samples in the left channel, silence in the right. */
function pcm(bits: number): ArrayBuffer {
  const width = bits / 8;
  const bytes = new Uint8Array(44 + 2 * width * samples.length);
  bytes.set(new Uint8Array(writeWav(new Float32Array(0), 8000)));
  const view = new DataView(bytes.buffer);
  view.setUint16(20, 1, true);
  view.setUint16(22, 2, true);
  view.setUint16(34, bits, true);
  view.setUint32(40, bytes.length - 44, true);
  samples.forEach((sample, i) => {
    for (let channel = 0; channel < 2; channel++) {
      let whole = Math.round((channel ? 0 : sample) * 2 ** (bits - 1)) + (bits === 8 ? 128 : 0);
      for (let k = 0; k < width; k++, whole >>= 8) bytes[44 + (2 * i + channel) * width + k] = whole & 255;
    }
  });
  return bytes.buffer;
}

const refused: [string, ArrayBuffer, RegExp][] = [
  ["an empty file", new ArrayBuffer(0), /^a.wav is empty; .*\.$/],
  ["a cut file", writeWav(samples, 16000).slice(0, 3000), /^a.wav is truncated: 29044 bytes of sound are missing/],
  ["a short one", writeWav(samples.slice(0, 800), 16000), /^a.wav lasts 50 ms; at least 100 ms/],
  ["a long one", writeWav(new Float32Array(61 * 8000), 8000), /^a.wav lasts 61 s; at most 60 s/],
  ["silence", writeWav(new Float32Array(8000), 8000), /^a.wav is silent/],
  ["infinite samples", writeWav(samples.map((x) => 1 / x), 8000), /^a.wav holds NaN or infinite samples/],
  ["other units", writeWav(samples.map((x) => 32768 * x), 8000), /^a.wav swings to 1.64e\+4 times full scale/],
  ["a rate without vowels", writeWav(samples, 2000), /^a.wav has 2000 samples a second/],
];
for (const [what, bytes, words] of refused) {
  test(`${what} is refused in one line`, () => assert.rejects(readRecording("a.wav", bytes), { message: words }));
}

test("a file tells the rate at which it must be decoded", () => {
  const view = (text: string) => new DataView(Uint8Array.from([...text].map((letter) => letter.charCodeAt(0))).buffer);
  assert.equal(rateOf(view(`fLaC${"\0".repeat(14)}\x0b\xb8\x02\xf0\0`)), 48000);
  assert.equal(rateOf(view(`OggS${"\0".repeat(24)}\x01vorbis${"\0".repeat(5)}\x22\x56\0\0\0\0`)), 22050);
  assert.equal(rateOf(view("\xff\xfb\x90\x64")), 44100);
  assert.equal(rateOf(view(`ID3\x04\0\0\0\0\0\x02..\xff\xf3\x44\xc4`)), 24000);
  assert.equal(rateOf(view("no sound at all")), null);
});

test("a prediction abstains, holds a set, and warns as Python's does", () => {
  const about = { labels: ["calm", "happy", "sad"], sample_rate_hz: 16000, abstain_below: 0.6, conformal: { threshold: 0.25 } };
  const heard = predict(about, { probabilities: Float32Array.of(0.5, 0.25, 0.25), novelty: 1.5 }, samples.slice(0, 4000));
  assert.deepEqual([heard.emotion, heard.abstains, heard.unfamiliar, heard.set], ["calm", true, true, about.labels]);
  assert.deepEqual(heard.warnings, ["0.2 s of speech: unreliable", "unlike all that the model learnt from"]);
  const none = predict({ ...about, conformal: null }, { probabilities: Float32Array.of(0.1, 0.8, 0.1), novelty: null }, samples);
  assert.deepEqual([none.set, none.abstains, none.warnings], [[], false, []]);
  assert.throws(() => predict(about, { probabilities: Float32Array.of(1, 1, 0), novelty: null }, samples), /no probabilities/);
});
