/** Who answers: the model in this browser, or the server that gave the page. Both give the same numbers. */

import { predict, type About, type Answer, type Prediction } from "./prediction";
import type { Recording } from "./recording";
import { resample } from "./resample";
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
  timeline(recording: Recording): Promise<Timeline>;
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
    this.ready = this.ask({ type: "load", runtime, model: weights }).then(() => {});
  }

  async predict({ samples, rateHz }: Recording): Promise<Prediction> {
    return this.hear(resample(samples, rateHz, this.about.sample_rate_hz));
  }

  async timeline({ samples, rateHz }: Recording): Promise<Timeline> {
    const smoothing = new Smoothing(this.about);
    const heard: Heard[] = [];
    for (const part of new Stream(rateHz, this.about.sample_rate_hz).push(samples, true)) {
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
    return predict(this.about, (await this.ask({ type: "answer", waveform }))!, waveform);
  }

  private ask(request: WithoutId<Request>): Promise<Answer | undefined> {
    const id = this.count++;
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.worker.postMessage({ ...request, id });
    });
  }
}
