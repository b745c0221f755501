/** Who answers: the model in this browser, or the server that gave the page. Both give the same numbers. */

import { predict, type About, type Answer, type Prediction } from "./prediction";
import { Unusable, writeWav } from "./wav";
import type { Recording } from "./recording";
import { resample, Resampler } from "./resample";
import { Smoothing, Stream, type Event, type Found, type Heard } from "./stream";
import type { Timeline } from "./timeline";
import type { Reply, Request } from "./worker";

export interface Live {
  push(samples: Float32Array): void;
  close(): void;
}

export interface Listener {
  ready: Promise<void>;
  predict(recording: Recording): Promise<Prediction>;
  /** Given up where the signal says so, since another recording is asked about. */
  timeline(recording: Recording, signal: AbortSignal): Promise<Timeline>;
  live(rateHz: number, tell: (event: Event) => void, fail: (error: Error) => void): Live;
}

/** At most so many measurements wait for the model; on a slow machine others are left out. */
const WAITING = 2;

type Asked = { resolve: (reply?: Answer) => void; reject: (error: Error) => void };
type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

export class InBrowser implements Listener {
  readonly ready: Promise<void>;
  private readonly worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  private readonly asked = new Map<number, Asked>();
  private count = 0;

  constructor(
    private readonly about: About,
    model: string,
    headers: Record<string, string>,
    progress: (bytes: number, of: number) => void,
  ) {
    this.worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      if (data.type === "progress") return progress(data.bytes, data.of);
      const { resolve, reject } = this.asked.get(data.id)!;
      this.asked.delete(data.id);
      if (data.type === "failed") reject(new Error(data.message));
      else resolve(data.answer);
    };
    this.worker.onerror = () => {
      for (const { reject } of this.asked.values()) reject(new Error("This browser cannot run the model; update it."));
    };
    const [runtime, weights] = ["runtime.wasm.gz", model].map((name) => new URL(name, document.baseURI).href);
    this.ready = this.ask({ type: "load", runtime, model: weights, headers }).then(() => {});
  }

  async predict({ samples, rateHz }: Recording): Promise<Prediction> {
    return this.hear(resample(samples, rateHz, this.about.sample_rate_hz));
  }

  async timeline({ samples, rateHz }: Recording, signal: AbortSignal): Promise<Timeline> {
    const smoothing = new Smoothing(this.about);
    const heard: Heard[] = [];
    for (const part of new Stream(rateHz, this.about.sample_rate_hz).push(samples, true)) {
      signal.throwIfAborted();
      if (part.type !== "utterance.start") heard.push(smoothing.next(part, await this.hear(part.waveform)));
    }
    return {
      duration_seconds: samples.length / rateHz,
      measurements: heard.filter(({ type }) => type === "measurement.result"),
      utterances: heard.filter(({ type }) => type === "utterance.end"),
    };
  }

  live(rateHz: number, tell: (event: Event) => void, fail: (error: Error) => void): Live {
    const stream = new Stream(rateHz, this.about.sample_rate_hz);
    const smoothing = new Smoothing(this.about);
    let last: Promise<void> = Promise.resolve();
    let waiting = 0;
    const answer = (found: Found[]) => {
      for (const part of found) {
        if (part.type === "measurement.result" && waiting >= WAITING) continue;
        waiting++;
        last = last
          .then(async () => {
            if (part.type === "utterance.start") tell(part);
            else tell(smoothing.next(part, await this.hear(part.waveform)));
          })
          .catch(fail)
          .finally(() => waiting--);
      }
    };
    return {
      push: (samples) => answer(stream.push(samples)),
      close: () => answer(stream.push(new Float32Array(0), true)),
    };
  }

  private async hear(waveform: Float32Array): Promise<Prediction> {
    const start = performance.now();
    const answer = await this.ask({ type: "answer", waveform });
    performance.measure("hear", { start });
    return predict(this.about, answer!, waveform);
  }

  private ask(request: WithoutId<Request>): Promise<Answer | undefined> {
    const id = this.count++;
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.worker.postMessage({ ...request, id });
    });
  }
}

const FRAME_SAMPLES = 1600;
const STREAM_RATE_HZ = 16_000;

type Message =
  | { type: "utterance.start"; start_ms: number }
  | { type: "measurement.result" | "utterance.end"; start_ms: number; end_ms: number; prediction: Prediction }
  | { type: "error"; message: string }
  | { type: "session.created" | "session.update" | "session.closed" };

export class OnServer implements Listener {
  readonly ready = Promise.resolve();

  constructor(private readonly key: string) {}

  predict(recording: Recording): Promise<Prediction> {
    return this.post("v1/predict", recording);
  }

  timeline(recording: Recording, signal: AbortSignal): Promise<Timeline> {
    return this.post("v1/timeline", recording, signal);
  }

  live(rateHz: number, tell: (event: Event) => void, fail: (error: Error) => void): Live {
    const address = new URL("v1/stream", document.baseURI.replace(/^http/, "ws"));
    const socket = new WebSocket(address, ["emovox", ...(this.key ? [`emovox-key.${this.key}`] : [])]);
    const resampler = new Resampler(rateHz, STREAM_RATE_HZ);
    let waiting: number[] = [];
    let closed = false;
    let ended = false;
    const send = (samples: Float32Array, last = false) => {
      for (const sample of resampler.push(samples, last)) {
        waiting.push(Math.max(-32768, Math.min(32767, Math.round(32768 * sample))));
      }
      if (socket.readyState !== WebSocket.OPEN) return;
      while (waiting.length >= FRAME_SAMPLES || (last && waiting.length)) {
        socket.send(Int16Array.from(waiting.slice(0, FRAME_SAMPLES)));
        waiting = waiting.slice(FRAME_SAMPLES);
      }
      if (last) socket.send(JSON.stringify({ type: "session.close" }));
    };
    socket.onopen = () => send(new Float32Array(0), closed);
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      const message = JSON.parse(data) as Message;
      if (message.type === "error") fail(new Error(`${message.message}.`));
      else if (message.type === "session.closed") ended = true;
      else if ("start_ms" in message) tell(inSeconds(message));
    };
    socket.onclose = () => {
      if (!ended) fail(new Error("The server ended the connection; listen again in a moment."));
    };
    return {
      push: (samples) => send(samples),
      close: () => {
        closed = true;
        send(new Float32Array(0), true);
      },
    };
  }

  private async post<T>(path: string, { name, samples, rateHz }: Recording, signal?: AbortSignal): Promise<T> {
    const response = await fetch(new URL(path, document.baseURI), {
      method: "POST",
      headers: { "Content-Type": "audio/wav", ...authorization(this.key) },
      body: writeWav(samples, rateHz),
      signal,
    }).catch(() => {
      throw new Error("The server cannot be reached; see whether it runs, or listen in this browser.");
    });
    if (response.ok) return response.json();
    const { detail, hint } = await response.json();
    if (response.status === 422) throw new Unusable(`${name}: ${detail}. ${hint}.`);
    throw new Error(`${detail}. ${hint}.`);
  }
}

/** The header that lets in who knows the key. */
export function authorization(key: string): Record<string, string> {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

function inSeconds(message: Extract<Message, { start_ms: number }>): Event {
  const start_seconds = message.start_ms / 1000;
  if (message.type === "utterance.start") return { type: message.type, start_seconds };
  return { type: message.type, start_seconds, end_seconds: message.end_ms / 1000, prediction: message.prediction };
}
