/** Spans of a recording in which one thing is told (`emovox.listening.timeline`). */

import type { Event, Heard } from "./stream";
import type { Prediction } from "./prediction";

export interface Timeline {
  duration_seconds: number;
  measurements: Heard[];
  utterances: Heard[];
}

export interface Span {
  start: number;
  end: number;
  said: string;
  confidence: number;
}

export const NOT_SURE = "not sure";

/** What is told of a prediction: its emotion, or that it is not sure. */
export function said(heard: Prediction): string {
  return heard.abstains || heard.unfamiliar ? NOT_SURE : heard.emotion;
}

/** What each measurement tells of the time since the one before it, one after the other. */
export function steps({ measurements, utterances }: Timeline): Span[] {
  return utterances.flatMap((utterance) => {
    const { start_seconds, end_seconds, prediction } = utterance;
    const told = measurements.filter((m) => start_seconds < m.end_seconds && m.end_seconds <= end_seconds);
    const heard = told.length ? told.map((m) => m.prediction) : [prediction];
    const times = [start_seconds, ...told.slice(0, -1).map((m) => m.end_seconds), end_seconds];
    return heard.map((p, k) => ({ start: times[k], end: times[k + 1], said: said(p), confidence: p.confidence }));
  });
}

/** The utterances, parted where the emotion that is told changes. */
export function spans(timeline: Timeline): Span[] {
  const groups: Span[][] = [];
  for (const step of steps(timeline)) {
    const last = groups.at(-1);
    const begins = timeline.utterances.some((utterance) => utterance.start_seconds === step.start);
    if (last && !begins && last[0].said === step.said) last.push(step);
    else groups.push([step]);
  }
  return groups.map((group) => ({
    start: group[0].start,
    end: group.at(-1)!.end,
    said: group[0].said,
    confidence: group.reduce((sum, step) => sum + step.confidence, 0) / group.length,
  }));
}

/** The last seconds of a sound that goes on, as if it ended now. */
export class Running {
  readonly timeline: Timeline = { duration_seconds: 0, measurements: [], utterances: [] };
  private began = 0;
  private open = false;

  constructor(private readonly seconds: number) {}

  add(event: Event): void {
    if (event.type === "utterance.start") {
      this.began = event.start_seconds;
      return;
    }
    const recent = ({ end_seconds }: Heard) => end_seconds > event.end_seconds - this.seconds;
    const ended = this.open ? this.timeline.utterances.slice(0, -1) : this.timeline.utterances;
    this.open = event.type === "measurement.result";
    this.timeline.utterances = [...ended.filter(recent), { ...event, start_seconds: this.began }];
    if (this.open) this.timeline.measurements = [...this.timeline.measurements.filter(recent), event];
  }
}
