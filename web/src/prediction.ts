/** What was heard in one recording: the same values, under the same names, as `Prediction.as_dict` and the server give. */

import { speechSeconds } from "./speech";

/** What an artifact tells about itself, as far as answering needs it. */
export interface About {
  labels: string[];
  sample_rate_hz: number;
  abstain_below?: number | null;
  conformal?: { coverage?: number; threshold?: number | null } | null;
  corpus?: string | null;
  synthetic?: boolean | null;
}

export interface Prediction {
  emotion: string;
  confidence: number;
  abstains: boolean;
  set: string[];
  unfamiliar: boolean;
  novelty: number | null;
  speech_seconds: number | null;
  warnings: string[];
  probabilities: Record<string, number>;
}

/** What the network gives: a probability for each label, and how far the sound lies from what it learnt from. */
export interface Answer {
  probabilities: Float32Array;
  novelty: number | null;
}

const LITTLE_SPEECH_SECONDS = 0.5;
const TOLERANCE = 1e-3;

/** The prediction that follows from an answer to a waveform at the artifact's rate. */
export function predict(about: About, answer: Answer, waveform: Float32Array): Prediction {
  const p = answer.probabilities;
  const sum = p.reduce((a, b) => a + b, 0);
  if (!(p.every((value) => value >= 0) && Math.abs(sum - 1) <= TOLERANCE)) {
    throw new Error("The model answers with what are no probabilities: its file is damaged; export it again.");
  }
  return decide(about, p, answer.novelty, speechSeconds(waveform, about.sample_rate_hz));
}

/** What follows from probabilities: the likeliest, the set, and whether the model had better not say. */
export function decide(
  about: About,
  probabilities: ArrayLike<number>,
  novelty: number | null,
  speech: number | null,
): Prediction {
  const p = Array.from(probabilities);
  const most = Math.max(...p);
  const threshold = about.conformal?.threshold;
  const least = threshold == null ? Infinity : Math.min(threshold, most);
  const unfamiliar = novelty !== null && !(novelty <= 1);
  const warnings = [];
  if (speech !== null && speech < LITTLE_SPEECH_SECONDS) warnings.push(`${speech.toFixed(1)} s of speech: unreliable`);
  if (unfamiliar) warnings.push("unlike all that the model learnt from");
  return {
    emotion: about.labels[p.indexOf(most)],
    confidence: most,
    abstains: most < (about.abstain_below ?? 0),
    set: about.labels.filter((_, k) => p[k] >= least),
    unfamiliar,
    novelty,
    speech_seconds: speech,
    warnings,
    probabilities: Object.fromEntries(about.labels.map((label, k) => [label, p[k]])),
  };
}
