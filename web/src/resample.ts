/**
 * Brings samples to another rate as soxr does at its high quality: one linear-phase filter, flat up to 0.9136 of the
 * lower Nyquist frequency and 126 dB down from it on; a Kaiser window over a sinc.
 */

const PASSBAND_END = 0.9136;
const REJECTION_DB = 126.4;
const BETA = 0.1102 * (REJECTION_DB - 8.7);

/** Modified Bessel function of the first kind, order 0. */
function bessel(x: number): number {
  let sum = 1;
  for (let k = 1, term = 1; term > 1e-17 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function divisor(a: number, b: number): number {
  return b ? divisor(b, a % b) : a;
}

/** Resamples what comes in pieces; the pieces that come out, end to end, are what the whole would give. */
export class Resampler {
  private readonly up: number;
  private readonly down: number;
  private readonly half: number;
  private readonly cutoff: number;
  private readonly phases = new Map<number, Float32Array>();
  private kept: Float32Array;
  private first: number;
  private taken = 0;
  private given = 0;

  constructor(fromHz: number, toHz: number) {
    const common = divisor(fromHz, toHz);
    this.up = toHz / common;
    this.down = fromHz / common;
    const scale = Math.min(1, toHz / fromHz);
    this.cutoff = (scale * (PASSBAND_END + 1)) / 2;
    this.half = Math.ceil((REJECTION_DB - 7.95) / (14.36 * (1 - PASSBAND_END) * scale));
    this.kept = new Float32Array(this.half);
    this.first = -this.half;
  }

  /** What can be told of the output after these samples; all of it where they are the last. */
  push(samples: Float32Array, last = false): Float32Array {
    if (this.up === this.down) return samples;
    this.taken += samples.length;
    const input = new Float32Array(this.kept.length + samples.length + (last ? this.half + 1 : 0));
    input.set(this.kept);
    input.set(samples, this.kept.length);
    const end = last
      ? Math.round((this.taken * this.up) / this.down)
      : Math.max(this.given, Math.floor(((this.taken - this.half - 1) * this.up) / this.down));
    const output = new Float32Array(Math.max(0, end - this.given));
    for (let k = 0; k < output.length; k++) {
      const place = (this.given + k) * this.down;
      const whole = Math.floor(place / this.up);
      const taps = this.taps(place % this.up);
      const from = whole - this.half + 1 - this.first;
      let sum = 0;
      for (let i = 0; i < taps.length; i++) sum += taps[i] * input[from + i];
      output[k] = sum;
    }
    this.given += output.length;
    const next = Math.floor((this.given * this.down) / this.up) - this.half + 1;
    this.kept = input.slice(next - this.first);
    this.first = next;
    return output;
  }

  /** The filter's values around a place that lies `phase / up` samples behind a sample. */
  private taps(phase: number): Float32Array {
    let taps = this.phases.get(phase);
    if (!taps) {
      taps = new Float32Array(2 * this.half);
      for (let i = 0; i < taps.length; i++) {
        const t = i - this.half + 1 - phase / this.up;
        const x = Math.PI * this.cutoff * t;
        const window = bessel(BETA * Math.sqrt(Math.max(0, 1 - (t / this.half) ** 2))) / bessel(BETA);
        taps[i] = this.cutoff * (x === 0 ? 1 : Math.sin(x) / x) * window;
      }
      this.phases.set(phase, taps);
    }
    return taps;
  }
}

/** A whole waveform at another rate. */
export function resample(waveform: Float32Array, fromHz: number, toHz: number): Float32Array {
  return new Resampler(fromHz, toHz).push(waveform, true);
}
