/** The one thread that runs the model: fetches it, and answers for one waveform after another. */

import * as ort from "onnxruntime-web/wasm";

import type { Answer } from "./prediction";

export type Request = { id: number } & (
  | { type: "load"; runtime: string; model: string; headers: Record<string, string> }
  | { type: "answer"; waveform: Float32Array }
);
export type Reply = { id: number } & (
  | { type: "progress"; bytes: number; of: number }
  | { type: "done"; answer?: Answer }
  | { type: "failed"; message: string }
);

const scope = self as unknown as DedicatedWorkerGlobalScope;
let session: ort.InferenceSession;

async function load({ id, runtime, model, headers }: Extract<Request, { type: "load" }>): Promise<void> {
  const responses = await Promise.all([opened(runtime, {}), opened(model, headers)]);
  const of = responses.reduce((sum, response) => sum + Number(response.headers.get("content-length")), 0);
  let bytes = 0;
  const counted = responses.map((response) =>
    response.body!.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          bytes += chunk.length;
          reply({ id, type: "progress", bytes, of });
          controller.enqueue(chunk);
        },
      }),
    ),
  );
  const unpacked = counted[0].pipeThrough(new DecompressionStream("gzip"));
  const [binary, weights] = await Promise.all([unpacked, counted[1]].map((body) => new Response(body).arrayBuffer()));
  ort.env.wasm.wasmBinary = binary;
  ort.env.wasm.numThreads = 1; // more need headers that not every place to put files can send
  session = await ort.InferenceSession.create(weights, { executionProviders: ["wasm"], logSeverityLevel: 4 });
}

async function opened(address: string, headers: Record<string, string>): Promise<Response> {
  const response = await fetch(address, { headers }).catch(() => null);
  if (!response?.ok) {
    const why = response?.status ?? "no network";
    throw new Error(`The model could not be loaded: ${address} (${why}). Reload the page to try again.`);
  }
  return response;
}

async function answer(waveform: Float32Array): Promise<Answer> {
  const names = ["probabilities", "novelty"].filter((name) => session.outputNames.includes(name));
  const feeds = { waveform: new ort.Tensor("float32", waveform, [waveform.length]) };
  const results = await session.run(feeds, names);
  const novelty = results.novelty ? Number(results.novelty.data[0]) : null;
  return { probabilities: results.probabilities.data as Float32Array, novelty };
}

function reply(message: Reply): void {
  scope.postMessage(message);
}

let last: Promise<void> = Promise.resolve();
scope.onmessage = ({ data }: MessageEvent<Request>) => {
  last = last.then(async () => {
    try {
      if (data.type === "load") {
        await load(data);
        reply({ id: data.id, type: "done" });
      } else {
        reply({ id: data.id, type: "done", answer: await answer(data.waveform) });
      }
    } catch (error) {
      reply({ id: data.id, type: "failed", message: error instanceof Error ? error.message : String(error) });
    }
  });
};
