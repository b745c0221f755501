import assert from "node:assert/strict";
import { test } from "node:test";

import { spectrogram } from "../src/mel";

test("a tone is loudest in one band, and a higher tone in a higher one", () => {
  const loudest = (hertz: number) => {
    const tone = Float32Array.from({ length: 16000 }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / 16000));
    const { frames, bands, levels } = spectrogram(tone, 16000);
    assert.equal(frames, 101);
    const middle = levels.subarray(50 * bands, 51 * bands);
    return middle.indexOf(Math.max(...middle));
  };
  const places = [100, 300, 1000, 3000, 7000].map(loudest);
  assert.deepEqual(places, [...places].sort((a, b) => a - b));
  assert.equal(new Set(places).size, 5);
});
