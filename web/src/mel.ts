/** A log-mel spectrogram to look at; the model has its own front end, inside the artifact. */

const WINDOW = 512;
const HOP_SECONDS = 0.01;
const BANDS = 64;
const LOWEST_HZ = 60;
const RANGE_DB = 70;

export interface Spectrogram {
  frames: number;
  bands: number;
  /** (frames, bands), from the lowest band up; 0 is 70 dB below the loudest, 1 the loudest. */
  levels: Float32Array;
}

/** In-place Fourier transform of a power of two of complex numbers. */
export function transform(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    for (let k = 0; k < size / 2; k++) {
      const c = Math.cos((2 * Math.PI * k) / size);
      const s = -Math.sin((2 * Math.PI * k) / size);
      for (let a = k, b = k + size / 2; a < n; a += size, b += size) {
        const [x, y] = [re[b] * c - im[b] * s, re[b] * s + im[b] * c];
        [re[b], im[b]] = [re[a] - x, im[a] - y];
        [re[a], im[a]] = [re[a] + x, im[a] + y];
      }
    }
  }
}

const mel = (hertz: number) => 1127 * Math.log(1 + hertz / 700);

/** For each band the bins of the transform that it takes, with their weights: triangles on the mel scale. */
function filters(rateHz: number): [number, number][][] {
  const low = mel(LOWEST_HZ);
  const step = (mel(rateHz / 2) - low) / (BANDS + 1);
  return Array.from({ length: BANDS }, (_, band) => {
    const bins: [number, number][] = [];
    for (let bin = 1; bin <= WINDOW / 2; bin++) {
      const weight = 1 - Math.abs((mel((bin * rateHz) / WINDOW) - low) / step - band - 1);
      if (weight > 0) bins.push([bin, weight]);
    }
    return bins.length ? bins : [[Math.round(((Math.exp((low + (band + 1) * step) / 1127) - 1) * 700 * WINDOW) / rateHz), 1]];
  });
}

/** The spectrogram of a waveform, (samples,), of at least one sample. */
export function spectrogram(waveform: Float32Array, rateHz: number): Spectrogram {
  const hop = Math.round(HOP_SECONDS * rateHz);
  const frames = 1 + Math.floor(waveform.length / hop);
  const bands = filters(rateHz);
  const levels = new Float32Array(frames * BANDS);
  const [re, im] = [new Float64Array(WINDOW), new Float64Array(WINDOW)];
  for (let frame = 0; frame < frames; frame++) {
    for (let i = 0; i < WINDOW; i++) {
      re[i] = (waveform[frame * hop - WINDOW / 2 + i] ?? 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW));
    }
    im.fill(0);
    transform(re, im);
    bands.forEach((bins, band) => {
      const power = bins.reduce((sum, [bin, weight]) => sum + weight * (re[bin] ** 2 + im[bin] ** 2), 0);
      levels[frame * BANDS + band] = 10 * Math.log10(power + 1e-12);
    });
  }
  const loudest = levels.reduce((a, b) => Math.max(a, b), -Infinity);
  return { frames, bands: BANDS, levels: levels.map((level) => Math.max(0, 1 + (level - loudest) / RANGE_DB)) };
}
