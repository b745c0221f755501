/** Hands the microphone's samples, mixed to one channel, to the page. */

class Capture extends AudioWorkletProcessor {
  process([channels]: Float32Array[][]): boolean {
    if (channels.length) {
      this.port.postMessage(channels[0].map((_, i) => channels.reduce((sum, c) => sum + c[i], 0) / channels.length));
    }
    return true;
  }
}

registerProcessor("capture", Capture);
