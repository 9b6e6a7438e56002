// Runs HeadAudio (MIT) over a clip outside a browser: node headaudio.mjs PACKAGE PCM RATE
// PCM is mono 32-bit float. Prints, for every 40 ms, the values its animation loop would give its 15 visemes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, file, rate] = process.argv.slice(2);
const part = (name) => import(pathToFileURL(join(folder, "modules", name)).href);

// Its node for the browser is only needed for how it eases from one viseme to the next.
globalThis.AudioWorkletNode = class {
  constructor() {
    this.port = { onmessage: null, postMessage() {} };
  }
};
const { Processor } = await part("processor.mjs");
const { HeadAudio } = await part("headaudio.mjs");

const bytes = readFileSync(file);
const sound = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const face = new HeadAudio(null);
const listener = new Processor(
  { sampleRate: Number(rate) },
  { port: { postMessage: (data) => face.port.onmessage?.({ data }) } },
);
globalThis.fetch = async (path) => {
  const data = readFileSync(path);
  return { ok: true, arrayBuffer: async () => data.buffer.slice(data.byteOffset, data.byteOffset + data.length) };
};
const { model } = await face.training.loadModel(join(folder, "dist", "model-en-mixed.bin"));
listener._onmessage({ data: { event: "model", model, reset: true } });

const hop = Math.round(Number(rate) / 25);
const values = Object.fromEntries(face.visemeNames.map((name) => [name, 0]));
face.onvalue = (name, value) => (values[name] = value);
const rows = [];
for (let at = 0; at + hop <= sound.length; at += hop) {
  listener.process(sound.subarray(at, at + hop));
  face.update(40);
  rows.push(face.visemeNames.map((name) => values[name]));
}
process.stdout.write(JSON.stringify({ names: face.visemeNames, rows }));
