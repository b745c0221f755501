/** The page: takes a recording or the microphone's sound, has it listened to, and shows what is heard. */

import { drawSpectrogram, drawTimeline, drawWaveform } from "./draw";
import { authorization, InBrowser, OnServer, type Listener, type Live } from "./listener";
import { markOf } from "./marks";
import { spectrogram, type Spectrogram } from "./mel";
import { Microphone } from "./microphone";
import type { About, Prediction } from "./prediction";
import { check, MAX_SECONDS, readRecording, type Recording } from "./recording";
import type { Event } from "./stream";
import { Running, said, spans, type Timeline } from "./timeline";
import { Unusable, writeWav } from "./wav";

/** What `page.json` holds, as `emovox.page` writes it. */
interface Settings {
  version: string;
  server: boolean;
  key?: boolean;
  model: string;
  about: About & {
    intended_use?: string;
    licence?: string;
    metrics?: { uar?: { value: number; low: number; high: number } };
    protocol?: string;
  };
}

const SCOPE_SECONDS = 10;

const at = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const percent = (share: number) => (share < 0.01 ? "< 1 %" : `${(100 * share).toFixed(0)} %`);
const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;

const settings: Settings = await fetch(new URL("page.json", document.baseURI))
  .then((response) => response.json())
  .catch((error) => {
    tell("page.json could not be loaded, which says where the model is; reload the page to try again.");
    throw error;
  });
const { about } = settings;
const audio = at<HTMLAudioElement>("audio");
const seek = at<HTMLInputElement>("seek");
let listener: Listener | null = null;
let inBrowser: InBrowser | null = null;
let shown: { recording: Recording; picture: Spectrogram; timeline: Timeline | null } | null = null;
let stop: (() => void) | null = null;
let asking = new AbortController();
let running = new Running(SCOPE_SECONDS);
let taken = 0;

function tell(message: string): void {
  at("alert").textContent = message;
}

/** Has what comes listened to in this browser or on the server. */
function begin(mode: string): void {
  const key = at<HTMLInputElement>("key").value;
  const status = (text: string) => (at("status").textContent = text);
  tell("");
  at("privacy").textContent = PRIVACY[mode];
  if (settings.key && !key) return void status("The server asks for a key");
  if (mode === "server") {
    listener = new OnServer(key);
    return void status("The server listens");
  }
  inBrowser ??= new InBrowser(about, settings.model, authorization(key), (bytes, of) => {
    status(`Loading the model: ${megabytes(bytes)} of ${megabytes(Math.max(bytes, of))} MB`);
  });
  listener = inBrowser;
  inBrowser.ready.then(
    () => listener === inBrowser && status("Ready, and needs no network"),
    (error: Error) => {
      inBrowser = null;
      tell(error.message);
    },
  );
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

const PRIVACY: Record<string, string> = {
  browser:
    "Nowhere. The model runs in this page, on this machine, and the sound never leaves it. The page lets the browser " +
    "talk to nobody but the place it was loaded from, and works without a network from then on. Nothing is kept.",
  server: "To the server that gave you this page. It listens, answers, and neither keeps nor logs the sound.",
};

/** Has a recording listened to, and shows it all. */
async function listen(reading: Promise<Recording>): Promise<void> {
  tell("");
  clear();
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const recording = await reading;
    const asked = listener;
    if (!asked) throw new Error("The server asks for a key; give it first.");
    await asked.ready;
    const heard = await asked.predict(recording);
    signal.throwIfAborted();
    showPrediction(heard, recording);
    shown = { recording, picture: spectrogram(recording.samples, recording.rateHz), timeline: null };
    showSound(recording);
    const timeline = await asked.timeline(recording, signal);
    signal.throwIfAborted();
    shown.timeline = timeline;
    showTimeline(timeline);
  } catch (error) {
    if (!signal.aborted) tell((error as Error).message);
  }
}

/** Takes away what an earlier recording left. */
function clear(): void {
  for (const id of ["answer", "sound", "utterances"]) at(id).hidden = true;
  audio.pause();
  shown = null;
}

function showPrediction(heard: Prediction, recording?: Recording): void {
  at("answer").hidden = false;
  at("answer-of").textContent = recording
    ? `${recording.name}, ${(recording.samples.length / recording.rateHz).toFixed(1)} s`
    : "The last seconds";
  const unsure = said(heard) !== heard.emotion;
  at("emotion").textContent = unsure ? "not sure" : heard.emotion;
  at("emotion").classList.toggle("unsure", unsure);
  at("sure").textContent = unsure
    ? `The likeliest is ${heard.emotion}, at ${percent(heard.confidence)}; the model had better not say.`
    : `with a probability of ${percent(heard.confidence)}`;
  const bold = heard.set.map((label) => Object.assign(document.createElement("b"), { textContent: label }));
  const between = bold.flatMap((b, k) => (k ? [k === bold.length - 1 ? " or " : ", ", b] : [b]));
  const coverage = about.conformal?.coverage ?? 0;
  const often = coverage === 0.9 ? "Nine times in ten" : `In ${percent(coverage)} of cases`;
  at("among").replaceChildren(
    ...(bold.length && !heard.unfamiliar ? [`${often} the true emotion is `, ...between, "."] : []),
  );
  at("warnings").replaceChildren(
    ...heard.warnings.map((warning) => Object.assign(document.createElement("li"), { textContent: sentence(warning) })),
  );
  at("shares").replaceChildren(
    ...about.labels
      .map((label, place) => ({ label, place, share: heard.probabilities[label] }))
      .sort((a, b) => b.share - a.share)
      .map(({ label, place, share }) => shareRow(label, place, share, heard.set.includes(label))),
  );
}

const sentence = (text: string) => `${text[0].toUpperCase()}${text.slice(1)}.`;

function shareRow(label: string, place: number, share: number, within: boolean): HTMLElement {
  const row = at<HTMLTemplateElement>("share").content.cloneNode(true) as DocumentFragment;
  const { colour, path } = markOf(place);
  const [svg, bar] = [row.querySelector("svg")!, row.querySelector<HTMLElement>(".bar i")!];
  svg.querySelector("path")!.setAttribute("d", path);
  svg.style.fill = bar.style.background = colour;
  bar.style.width = `${100 * share}%`;
  row.querySelector(".name")!.textContent = label;
  Object.assign(row.querySelector("data")!, { textContent: percent(share), value: share });
  row.firstElementChild!.classList.toggle("in", within);
  return row.firstElementChild as HTMLElement;
}

function showSound({ samples, rateHz }: Recording): void {
  const seconds = samples.length / rateHz;
  URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(new Blob([writeWav(samples, rateHz)], { type: "audio/wav" }));
  seek.max = String(seconds);
  seek.value = "0";
  at("lasts").textContent = clock(seconds);
  at("sound").hidden = false;
  at("when").textContent = "Emotion over time …";
  at<HTMLDetailsElement>("table").hidden = true;
  draw();
  showPlace();
}

function showTimeline(timeline: Timeline): void {
  const rows = spans(timeline).map(({ start, end, said, confidence }) => {
    const row = document.createElement("tr");
    row.append(
      cell(`${start.toFixed(2)} s`, start),
      cell(`${end.toFixed(2)} s`, end),
      cell(said),
      cell(percent(confidence), confidence),
    );
    return row;
  });
  at("rows").replaceChildren(...rows);
  at("table").hidden = !rows.length;
  at("when").textContent = rows.length ? "Emotion over time; a bar is as high as its probability" : "No speech was found";
  draw();
}

/** A cell of a table; a number beside its words. */
function cell(text: string, value?: number): HTMLElement {
  const words = value === undefined ? text : Object.assign(document.createElement("data"), { textContent: text, value });
  const made = document.createElement("td");
  made.append(words);
  return made;
}

function draw(): void {
  if (!shown) return;
  drawWaveform(at("wave"), shown.recording.samples);
  drawSpectrogram(at("mel"), shown.picture);
  if (shown.timeline) drawTimeline(at("timeline"), shown.timeline, about.labels);
}

function showPlace(): void {
  const seconds = Number(seek.value);
  at("at").textContent = clock(seconds);
  at("playhead").style.left = `${(100 * seconds) / Number(seek.max)}%`;
  const now = shown?.timeline && spans(shown.timeline).find(({ start, end }) => start <= seconds && seconds < end);
  seek.setAttribute("aria-valuetext", `${seconds.toFixed(1)} seconds${now ? `, ${now.said}` : ""}`);
}

function goTo(seconds: number): void {
  seek.value = String(seconds);
  audio.currentTime = Number(seek.value);
  showPlace();
}

function follow(): void {
  seek.value = String(audio.currentTime);
  showPlace();
  if (!audio.paused) requestAnimationFrame(follow);
}

/** Opens the microphone for one of the two buttons; pressed again, or after a minute of recording, it is closed. */
async function take(button: HTMLElement, what: string, open: (rateHz: number) => Live): Promise<void> {
  if (stop) return stop();
  tell("");
  const early: Float32Array[] = [];
  let live: Live | null = null;
  const scope: { recent: Float32Array; rateHz: number } = { recent: new Float32Array(0), rateHz: 0 };
  let samples = 0;
  const push = (chunk: Float32Array) => {
    if (!live) return void early.push(chunk);
    live.push(chunk);
    samples += chunk.length;
    scope.recent.copyWithin(0, chunk.length);
    scope.recent.set(chunk, scope.recent.length - chunk.length);
  };
  try {
    const microphone = await Microphone.open(push);
    scope.rateHz = microphone.rateHz;
    scope.recent = new Float32Array(SCOPE_SECONDS * microphone.rateHz);
    live = open(microphone.rateHz);
    early.forEach(push);
    stop = () => {
      stop = null;
      microphone.stop();
      button.setAttribute("aria-pressed", "false");
      button.textContent = button.dataset.name!;
      for (const other of ["record", "live", "file"]) at<HTMLButtonElement>(other).disabled = false;
      at("taking").hidden = true;
      live!.close();
    };
  } catch (error) {
    return tell((error as Error).message);
  }
  button.setAttribute("aria-pressed", "true");
  button.textContent = "Stop";
  for (const other of ["record", "live", "file"]) at<HTMLButtonElement>(other).disabled = other !== button.id;
  clear();
  at("taking-what").textContent = what;
  running = new Running(SCOPE_SECONDS);
  at("running").hidden = button.id !== "live";
  at("answer").ariaLive = button.id === "live" ? "off" : "polite"; // the log of utterances tells enough
  at("taking").hidden = false;
  const show = () => {
    if (!stop) return;
    at("taking-time").textContent = clock(samples / scope.rateHz);
    drawWaveform(at("scope"), scope.recent, 0.05);
    running.timeline.duration_seconds = Math.max(SCOPE_SECONDS, samples / scope.rateHz);
    if (!at("running").hidden) drawTimeline(at("running"), running.timeline, about.labels, running.timeline.duration_seconds - SCOPE_SECONDS);
    if (button.id === "record" && samples >= MAX_SECONDS * scope.rateHz) stop();
    else requestAnimationFrame(show);
  };
  show();
}

function record(rateHz: number): Live {
  const chunks: Float32Array[] = [];
  return {
    push: (samples) => chunks.push(samples),
    close: () => {
      const length = Math.min(MAX_SECONDS * rateHz, chunks.reduce((sum, chunk) => sum + chunk.length, 0));
      const samples = new Float32Array(length);
      let end = 0;
      for (const chunk of chunks) {
        samples.set(chunk.subarray(0, length - end), end);
        end = Math.min(length, end + chunk.length);
      }
      const name = `Recording ${++taken}`;
      void listen(
        new Promise((resolve) => resolve(check({ name, samples, rateHz }))).catch((error) => {
          throw error instanceof Unusable ? new Unusable(`${name} ${error.message}.`) : error;
        }) as Promise<Recording>,
      );
    },
  };
}

function showEvent(event: Event): void {
  running.add(event);
  if (event.type === "utterance.start") return;
  showPrediction(event.prediction);
  if (event.type !== "utterance.end") return;
  at("answer-of").textContent = "What was said last";
  at("utterances").hidden = false;
  const { start_seconds, end_seconds, prediction } = event;
  const item = document.createElement("li");
  const when = Object.assign(document.createElement("span"), {
    className: "figure note",
    textContent: `${clock(start_seconds)} – ${clock(end_seconds)}`,
  });
  item.append(when, ` ${said(prediction)}, ${percent(prediction.confidence)}`);
  at("spoken").prepend(item);
}

const { corpus, licence, intended_use, metrics, protocol } = about;
at("model").textContent = `Learnt from ${corpus} (${licence}). Emovox ${settings.version}.`;
if (metrics?.uar && !about.synthetic) {
  const [value, low, high] = [metrics.uar.value, metrics.uar.low, metrics.uar.high].map(percent);
  at("figures").textContent =
    `Of voices in that corpus which it had not heard, it named ${value} rightly (mean over the emotions, 95 % interval ` +
    `${low} to ${high}, protocol ${protocol}). Of other recordings it names fewer.`;
}
at("limits").textContent = intended_use ?? "";
begin("browser");
at("mode").hidden = !settings.server;
at("key").parentElement!.hidden = !settings.key;
const mode = () => document.querySelector<HTMLInputElement>("#mode input:checked")!.value;
at("mode").addEventListener("change", () => begin(mode()));
at("mode").addEventListener("submit", (event) => event.preventDefault());

at<HTMLInputElement>("file").addEventListener("change", ({ target }) => {
  const input = target as HTMLInputElement;
  const file = input.files?.[0];
  if (file) void listen(file.arrayBuffer().then((bytes) => readRecording(file.name, bytes)));
  input.value = "";
});
for (const button of [at("record"), at("live")]) button.dataset.name = button.textContent!;
at("record").addEventListener("click", () => take(at("record"), "Recording", record));
at("live").addEventListener("click", async () => {
  if (!stop) at("spoken").replaceChildren();
  const fail = (error: Error) => {
    stop?.();
    tell(error.message);
  };
  if (listener) await take(at("live"), "Listening", (rateHz) => listener!.live(rateHz, showEvent, fail));
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const file = event.dataTransfer?.files[0];
  if (file && !stop) void listen(file.arrayBuffer().then((bytes) => readRecording(file.name, bytes)));
});
at("play").addEventListener("click", () => (audio.paused ? audio.play() : audio.pause()));
for (const change of ["play", "pause", "ended"]) {
  audio.addEventListener(change, () => {
    at("play").classList.toggle("playing", !audio.paused);
    at("play").setAttribute("aria-label", audio.paused ? "Play" : "Pause");
    follow();
  });
}
seek.addEventListener("input", () => goTo(Number(seek.value)));
seek.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -0.1, ArrowRight: 0.1 }[event.key];
  if (!step) return;
  event.preventDefault();
  goTo(Number(seek.value) + step);
});
new ResizeObserver(draw).observe(at("sound"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
