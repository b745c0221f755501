/**
 * Finds the utterances in a sound while it arrives, and says what is to be listened to when: the frame processor of
 * `emovox.listening.stream`. It depends on the samples alone, and not on how they were cut.
 */

import { decide, type About, type Prediction } from "./prediction";
import { Resampler } from "./resample";
import { Loudness } from "./speech";

const FRAME_SECONDS = 0.025;
const ONSET_SECONDS = 0.1;
const MARGIN_SECONDS = 0.2;
const LEAST_SECONDS = 0.5;
const HOP_SECONDS = 0.25;
const WINDOW_SECONDS = 3;
const SMOOTHING_SECONDS = 0.25;
const PAUSE_SECONDS = 0.6;
const LONGEST_SECONDS = 20;

const NEWEST_SHARE = 1 - Math.exp(-HOP_SECONDS / SMOOTHING_SECONDS);

/** A part of the sound that the model is to answer for; `waveform` is at the model's rate. */
export interface Part {
  type: "measurement.result" | "utterance.end";
  start_seconds: number;
  end_seconds: number;
  waveform: Float32Array;
}

export interface Heard {
  type: Part["type"];
  start_seconds: number;
  end_seconds: number;
  prediction: Prediction;
}

export type Found = { type: "utterance.start"; start_seconds: number } | Part;
export type Event = { type: "utterance.start"; start_seconds: number } | Heard;

export class Stream {
  private readonly resampler: Resampler;
  private readonly size: number;
  private readonly loudness: Loudness;
  private rest: Float32Array = new Float32Array(0);
  private kept: Float32Array[] = [];
  private speaking = false;
  private loud = 0;
  private quiet = 0;
  private at = 0;

  constructor(fromHz: number, private readonly rateHz: number) {
    this.resampler = new Resampler(fromHz, rateHz);
    this.size = Math.round(FRAME_SECONDS * rateHz);
    this.loudness = new Loudness(this.size / rateHz);
  }

  /** What is found by the end of these samples, in the order of time; where they are the last, what is open is ended. */
  push(samples: Float32Array, last = false): Found[] {
    const resampled = this.resampler.push(samples, last);
    const sound = joined([this.rest, resampled]);
    const used = sound.length - (sound.length % this.size);
    this.rest = sound.slice(used);
    const found: Found[] = [];
    for (let start = 0; start < used; start += this.size) this.next(sound.slice(start, start + this.size), found);
    if (last && this.speaking) found.push(this.end());
    return found;
  }

  private next(frame: Float32Array, found: Found[]): void {
    const loud = this.loudness.next(powerDb(frame), this.speaking);
    this.at += 1;
    [this.loud, this.quiet] = loud ? [this.loud + 1, 0] : [0, this.quiet + 1];
    this.kept.push(frame);
    const held = this.kept.length;
    if (!this.speaking) {
      const onset = this.frames(ONSET_SECONDS);
      this.kept = this.kept.slice(-(this.frames(MARGIN_SECONDS) + onset));
      if (this.loud === onset) {
        this.speaking = true;
        found.push({ type: "utterance.start", start_seconds: this.seconds(this.at - this.kept.length) });
      }
    } else if (this.quiet === this.frames(PAUSE_SECONDS) || held === this.frames(LONGEST_SECONDS)) {
      found.push(this.end());
    } else if (
      held >= this.frames(LEAST_SECONDS) &&
      held % this.frames(HOP_SECONDS) === 0 &&
      this.quiet <= this.frames(MARGIN_SECONDS)
    ) {
      const window = this.kept.slice(-this.frames(WINDOW_SECONDS));
      found.push(this.part("measurement.result", this.at - window.length, window));
    }
  }

  /** Ends the utterance where its margin after the last loud frame does, and keeps what comes after that. */
  private end(): Part {
    const length = this.kept.length - Math.max(0, this.quiet - this.frames(MARGIN_SECONDS));
    const part = this.part("utterance.end", this.at - this.kept.length, this.kept.slice(0, length));
    this.kept = this.kept.slice(length);
    this.speaking = false;
    this.loud = 0;
    return part;
  }

  private part(type: Part["type"], start: number, frames: Float32Array[]): Part {
    const end_seconds = this.seconds(start + frames.length);
    return { type, start_seconds: this.seconds(start), end_seconds, waveform: joined(frames) };
  }

  private frames(seconds: number): number {
    return Math.max(1, Math.round((seconds * this.rateHz) / this.size));
  }

  private seconds(frames: number): number {
    return Math.round((1e6 * frames * this.size) / this.rateHz) / 1e6;
  }
}

/** Measurements averaged over their utterance, with weights that fall by 1/e in a quarter of a second. */
export class Smoothing {
  private smoothed: number[] | null = null;

  constructor(private readonly about: About) {}

  /** The parts' predictions must come in the order of the parts. */
  next(part: Omit<Part, "waveform">, heard: Prediction): Heard {
    const { type, start_seconds, end_seconds } = part;
    if (type === "utterance.end") {
      this.smoothed = null;
      return { type, start_seconds, end_seconds, prediction: heard };
    }
    const newest = this.about.labels.map((label) => heard.probabilities[label]);
    const before = this.smoothed ?? newest;
    this.smoothed = newest.map((p, k) => NEWEST_SHARE * p + (1 - NEWEST_SHARE) * before[k]);
    const prediction = decide(this.about, this.smoothed, heard.novelty, heard.speech_seconds);
    return { type, start_seconds, end_seconds, prediction };
  }
}

function powerDb(frame: Float32Array): number {
  const mean = frame.reduce((sum, x) => sum + x, 0) / frame.length;
  const variance = frame.reduce((sum, x) => sum + (x - mean) ** 2, 0) / frame.length;
  return 10 * Math.log10(variance + 1e-12);
}

function joined(parts: Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
