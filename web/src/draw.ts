/** Draws a sound: its waveform, its spectrogram, and what is heard when. */

import { markOf } from "./marks";
import type { Spectrogram } from "./mel";
import { NOT_SURE, spans, steps, type Timeline } from "./timeline";

interface Sheet {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  colour: (name: string) => string;
}

/** A canvas, cleared, at the screen's own resolution; lengths are in CSS pixels. */
function sheet(canvas: HTMLCanvasElement): Sheet {
  const { clientWidth: width, clientHeight: height } = canvas;
  const style = getComputedStyle(canvas);
  canvas.width = Math.max(1, Math.round(width * devicePixelRatio));
  canvas.height = Math.max(1, Math.round(height * devicePixelRatio));
  const context = canvas.getContext("2d")!;
  context.scale(devicePixelRatio, devicePixelRatio);
  return { context, width, height, colour: (name) => style.getPropertyValue(`--${name}`).trim() };
}

/** The lowest and highest sample of every pixel's share of the waveform. */
export function drawWaveform(canvas: HTMLCanvasElement, samples: Float32Array, peak = 0): void {
  const { context, width, height, colour } = sheet(canvas);
  const most = samples.reduce((a, b) => Math.max(a, Math.abs(b)), peak) || 1;
  const y = (sample: number) => (height / 2) * (1 - (0.96 * sample) / most);
  const each = samples.length / width;
  context.fillStyle = colour("ink");
  for (let x = 0; x < width; x++) {
    let [low, high] = [0, 0];
    for (let i = Math.floor(x * each); i < Math.min(samples.length, (x + 1) * each); i++) {
      low = Math.min(low, samples[i]);
      high = Math.max(high, samples[i]);
    }
    context.fillRect(x, y(high), 1, Math.max(1, y(low) - y(high)));
  }
}

/** Lower bands below; what is loud in the accent, what is soft in the ground. */
export function drawSpectrogram(canvas: HTMLCanvasElement, { frames, bands, levels }: Spectrogram): void {
  const { context, width, height, colour } = sheet(canvas);
  const image = new ImageData(frames, bands);
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour("accent").slice(at, at + 2), 16));
  for (let frame = 0; frame < frames; frame++) {
    for (let band = 0; band < bands; band++) {
      const alpha = 255 * levels[frame * bands + band] ** 1.6;
      image.data.set([red, green, blue, alpha], 4 * ((bands - 1 - band) * frames + frame));
    }
  }
  const small = new OffscreenCanvas(frames, bands);
  small.getContext("2d")!.putImageData(image, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, width, height);
}

const AXIS = 18;
const NAME = 16;

/** A bar for every measurement, as high as its probability; a name over every span that has room for it. */
export function drawTimeline(canvas: HTMLCanvasElement, timeline: Timeline, labels: string[], from = 0): void {
  const { context, width, height, colour } = sheet(canvas);
  const shown = timeline.duration_seconds - from;
  const x = (seconds: number) => ((seconds - from) / shown) * width;
  const ground = height - AXIS;
  context.font = `12px ${getComputedStyle(canvas).fontFamily}`;
  for (const { start, end, said, confidence } of steps(timeline)) {
    const high = confidence * (ground - NAME);
    const place = labels.indexOf(said);
    context.fillStyle = said === NOT_SURE ? colour("line") : markOf(place).colour;
    context.fillRect(x(start), ground - high, Math.max(1, x(end) - x(start) - 1), high);
    if (place >= 6) stripe(context, x(start), ground - high, x(end) - x(start) - 1, high, colour("ground"));
  }
  context.fillStyle = colour("ink");
  for (const { start, end, said } of spans(timeline)) {
    if (context.measureText(said).width < x(end) - x(start)) context.fillText(said, x(start), 11);
  }
  context.fillStyle = colour("line");
  context.fillRect(0, ground, width, 1);
  context.fillStyle = colour("grey");
  for (const second of from ? [] : ticks(shown, width)) {
    context.fillRect(x(second), ground, 1, 4);
    context.fillText(`${second} s`, x(second) + 3, height - 4);
  }
}

/** Diagonal lines, for a colour that stands for a second emotion. */
function stripe(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, colour: string): void {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.beginPath();
  for (let at = x - (x % 8) - height; at < x + width; at += 8) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.restore();
}

/** Round seconds, at least 56 pixels apart. */
function ticks(duration: number, width: number): number[] {
  const step = [0.5, 1, 2, 5, 10, 20, 30].find((s) => (s / duration) * width >= 56) ?? 60;
  return Array.from({ length: Math.floor(duration / step) + 1 }, (_, k) => k * step).filter(
    (second) => (second / duration) * width < width - 28,
  );
}
