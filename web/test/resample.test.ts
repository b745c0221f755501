import assert from "node:assert/strict";
import { test } from "node:test";

import { Resampler, resample } from "../src/resample";

const tone = (hertz: number, rateHz: number, seconds = 1) =>
  Float32Array.from({ length: seconds * rateHz }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rateHz));

function farthest(a: Float32Array, b: Float32Array, margin: number): number {
  assert.equal(a.length, b.length);
  let most = 0;
  for (let i = margin; i < a.length - margin; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}

for (const rateHz of [8000, 22050, 44100, 48000, 96000]) {
  test(`a tone at ${rateHz} Hz is the same tone at 16000 Hz`, () => {
    assert.ok(farthest(resample(tone(1000, rateHz), rateHz, 16000), tone(1000, 16000), 400) < 1e-5);
  });
}

test("what the new rate cannot hold is taken out", () => {
  const left = resample(tone(9000, 48000), 48000, 16000).subarray(400, -400);
  assert.ok(Math.max(...left.map(Math.abs)) < 1e-5);
});

test("odd pieces give what the whole gives", () => {
  const whole = tone(440, 44100);
  const resampler = new Resampler(44100, 16000);
  const given: number[] = [];
  for (let at = 0, size = 1; at < whole.length; at += size, size = (size * 7) % 977) {
    given.push(...resampler.push(whole.slice(at, at + size)));
  }
  given.push(...resampler.push(new Float32Array(0), true));
  assert.deepEqual(Float32Array.from(given), resample(whole, 44100, 16000));
});
