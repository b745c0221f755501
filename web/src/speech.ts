/** What of a sound could be speech (`emovox.listening.speech`). */

const FRAME_SECONDS = 0.02;
const BELOW_LOUDEST_DB = 35;
const ABOVE_FLOOR_DB = 9;
const ABOVE_FLOOR_SPEAKING_DB = 6;
const LOWEST_FLOOR_DB = -75;
const HIGHEST_FLOOR_DB = -45;
const MEMORY_SECONDS = 4;

/** Seconds of frames whose power is within 35 dB of the loudest frame's. */
export function speechSeconds(waveform: Float32Array, rateHz: number): number {
  const size = Math.round(FRAME_SECONDS * rateHz);
  const powers = [];
  for (let start = 0; start + size <= waveform.length; start += size) {
    let sum = 0;
    for (let i = start; i < start + size; i++) sum += waveform[i] ** 2;
    powers.push(sum / size);
  }
  const least = 10 ** (-BELOW_LOUDEST_DB / 10) * Math.max(0, ...powers);
  return powers.filter((power) => power > least).length * FRAME_SECONDS;
}

/** Whether a frame of a running sound could be speech, by the frames of the last 4 s. */
export class Loudness {
  private readonly powers = [HIGHEST_FLOOR_DB];
  private readonly size: number;

  constructor(frameSeconds: number) {
    this.size = Math.round(MEMORY_SECONDS / frameSeconds);
  }

  /** `powerDb` is the frame's, its mean taken off; `speaking`, whether speech has begun. */
  next(powerDb: number, speaking: boolean): boolean {
    this.powers.push(powerDb);
    if (this.powers.length > this.size) this.powers.shift();
    const floor = Math.max(LOWEST_FLOOR_DB, Math.min(...this.powers));
    const above = speaking ? ABOVE_FLOOR_SPEAKING_DB : ABOVE_FLOOR_DB;
    return powerDb > Math.max(floor + above, Math.max(...this.powers) - BELOW_LOUDEST_DB);
  }
}
