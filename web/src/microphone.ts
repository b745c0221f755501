/** The microphone, sample by sample, as it gives them. */

export class Microphone {
  private constructor(
    readonly rateHz: number,
    private readonly context: AudioContext,
    private readonly media: MediaStream,
  ) {}

  /** Asks the person, and calls `take` with every few milliseconds of sound until it is stopped. */
  static async open(take: (samples: Float32Array) => void): Promise<Microphone> {
    const untouched = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const media = await navigator.mediaDevices.getUserMedia({ audio: untouched }).catch((error: DOMException) => {
      throw new Error(REASONS[error.name] ?? `The microphone cannot be used: ${error.message}`);
    });
    const context = new AudioContext();
    await context.audioWorklet.addModule(new URL("capture.js", import.meta.url));
    const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => take(data);
    context.createMediaStreamSource(media).connect(node);
    await context.resume();
    return new Microphone(context.sampleRate, context, media);
  }

  stop(): void {
    for (const track of this.media.getTracks()) track.stop();
    void this.context.close();
  }
}

const REASONS: Record<string, string> = {
  NotAllowedError: "The microphone may not be used; allow it for this page in the browser's settings.",
  NotFoundError: "There is no microphone; connect one, or choose a recording.",
  NotReadableError: "The microphone is in use by another program; close it, and try again.",
};
