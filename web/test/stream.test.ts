import assert from "node:assert/strict";
import { test } from "node:test";

import type { Prediction } from "../src/prediction";
import { Smoothing, Stream, type Found } from "../src/stream";
import { Running, spans } from "../src/timeline";

const RATE_HZ = 16000;

/** Seconds of pause and of a loud tone, by turns. */
function sound(...seconds: number[]): Float32Array {
  return Float32Array.from(
    seconds.flatMap((long, k) => Array.from({ length: long * RATE_HZ }, (_, i) => (k % 2 ? 0.3 * Math.sin(i / 5) : 0))),
  );
}

const ends = (found: Found[]) => found.flatMap((part) => (part.type === "utterance.end" ? [part.start_seconds, part.end_seconds] : []));

test("utterances are found with their margins", () => {
  const found = new Stream(RATE_HZ, RATE_HZ).push(sound(1, 2, 1.5, 1, 1), true);
  assert.deepEqual(ends(found), [0.8, 3.2, 4.3, 5.7]);
  const first = found.find((part) => part.type === "measurement.result")!;
  assert.deepEqual([first.start_seconds, first.end_seconds], [0.8, 1.3]);
});

test("a click is no utterance", () => {
  assert.deepEqual(new Stream(RATE_HZ, RATE_HZ).push(sound(1, 0.05, 1), true), []);
});

test("what is not ended by a pause is ended by the end, or after 20 s", () => {
  assert.deepEqual(ends(new Stream(RATE_HZ, RATE_HZ).push(sound(1, 2), true)), [0.8, 3]);
  const syllables = Float32Array.from({ length: 21 * RATE_HZ }, (_, i) => (i % 5000 < 3000 ? Math.sin(i / 5) : 0));
  assert.deepEqual(ends(new Stream(RATE_HZ, RATE_HZ).push(syllables, true)), [0, 20, 20, 21]);
});

test("odd pieces give what the whole gives", () => {
  const whole = sound(0.7, 1.3, 0.8, 0.9, 0.3);
  const stream = new Stream(44100, RATE_HZ);
  const found: Found[] = [];
  for (let at = 0, size = 3; at < whole.length; at += size, size = (size * 31) % 3989) {
    found.push(...stream.push(whole.slice(at, at + size)));
  }
  found.push(...stream.push(new Float32Array(0), true));
  assert.ok(found.length > 4);
  assert.deepEqual(found, new Stream(44100, RATE_HZ).push(whole, true));
});

const heard = (calm: number): Prediction => ({
  emotion: calm > 0.5 ? "calm" : "angry", confidence: Math.max(calm, 1 - calm), abstains: false, set: [], unfamiliar: false,
  novelty: null, speech_seconds: 1, warnings: [], probabilities: { calm, angry: 1 - calm },
}); // prettier-ignore

test("measurements of one utterance are averaged, and the next begins anew", () => {
  const smoothing = new Smoothing({ labels: ["calm", "angry"], sample_rate_hz: RATE_HZ, abstain_below: 0.6 });
  const at = { type: "measurement.result", start_seconds: 0, end_seconds: 1 } as const;
  const calm = (p: number) => smoothing.next(at, heard(p)).prediction;
  assert.equal(calm(1).probabilities.calm, 1);
  const second = calm(0);
  assert.ok(Math.abs(second.probabilities.calm - Math.exp(-1)) < 1e-12);
  assert.deepEqual([second.emotion, second.abstains, calm(0).abstains], ["angry", false, false]);
  assert.equal(smoothing.next({ ...at, type: "utterance.end" }, heard(0.2)).prediction.probabilities.calm, 0.2);
  assert.equal(calm(0).probabilities.calm, 0);
});

test("spans part where what is told changes, and where an utterance ends", () => {
  const part = (end_seconds: number, calm: number) => ({ type: "measurement.result" as const, start_seconds: 0, end_seconds, prediction: heard(calm) });
  const utterance = (start_seconds: number, end_seconds: number) => ({ type: "utterance.end" as const, start_seconds, end_seconds, prediction: heard(0.9) });
  const measurements = [part(0.5, 0.6), part(0.75, 0.8), part(1, 0.1)];
  const told = spans({ duration_seconds: 3, measurements, utterances: [utterance(0, 1.2), utterance(2, 2.4)] });
  assert.deepEqual(told, [
    { start: 0, end: 0.75, said: "calm", confidence: 0.7 },
    { start: 0.75, end: 1.2, said: "angry", confidence: 0.9 },
    { start: 2, end: 2.4, said: "calm", confidence: 0.9 },
  ]);
});

test("what runs on is told as if it ended now, and forgotten in time", () => {
  const running = new Running(2);
  const at = (type: "measurement.result" | "utterance.end", start_seconds: number, end_seconds: number, calm: number) =>
    running.add({ type, start_seconds, end_seconds, prediction: heard(calm) });
  const told = () => spans(running.timeline).map(({ start, end, said }) => [start, end, said]);
  running.add({ type: "utterance.start", start_seconds: 1 });
  at("measurement.result", 1, 1.5, 0.9);
  at("measurement.result", 1.25, 1.75, 0.1);
  assert.deepEqual(told(), [[1, 1.5, "calm"], [1.5, 1.75, "angry"]]);
  at("utterance.end", 1, 2, 0.5);
  assert.deepEqual(told(), [[1, 1.5, "calm"], [1.5, 2, "angry"]]);
  running.add({ type: "utterance.start", start_seconds: 4 });
  at("measurement.result", 4, 4.5, 0.9);
  assert.deepEqual(told(), [[4, 4.5, "calm"]]);
});
