/** One digital human on the page: plays its stream and shows its face, drawn here or as a video. */
import { Emitter } from "./emitter";
import { asMienError, type MienError } from "./errors";
import { fetchPackage } from "./face/package";
import { FaceRenderer } from "./face/renderer";
import { CHANNELS, type MotionVector } from "./motion";
import { CARRIER_RATE, type Carrier, type Playback } from "./room/playback";
import type { MienRoom } from "./room/room";
import type { RemoteStream } from "./room/signalling";
import { MotionTimeline, type RtpClock } from "./sync";

export interface AgentViewElements {
  /** Draws the face of a `mobile` stream. */
  canvas: HTMLCanvasElement;
  /** Plays the voice, and shows the picture of a `web` stream. */
  video: HTMLVideoElement;
}

export interface AgentViewEvents {
  /** The face is on the screen for the first time. */
  visible: undefined;
  /** The browser keeps the sound off until the user touches the page; call `resume` from a click. */
  muted: undefined;
  connected: undefined;
  interrupted: undefined;
  /** The stream cannot be shown any more. */
  failed: MienError;
}

export interface AgentViewOptions {
  preserveDrawingBuffer?: boolean;
  /** Seconds between handing sound to the system and hearing it (`AudioContext.outputLatency`). */
  outputLatency?: () => number;
}

/** The data channel counts as silent after this, and SEI takes over. */
const CARRIER_SILENT_MS = 500;
/** More delay than a wireless headset has is a wrong report. */
const MAX_OUTPUT_LATENCY_S = 0.4;

export class AgentView extends Emitter<AgentViewEvents> {
  /** The face as drawn last. */
  readonly motion: MotionVector = new Float32Array(CHANNELS.length);
  readonly #options: AgentViewOptions;
  readonly #elements: AgentViewElements;
  readonly #timelines: Record<Carrier, MotionTimeline> = {
    channel: new MotionTimeline(CARRIER_RATE.channel),
    sei: new MotionTimeline(CARRIER_RATE.sei),
  };
  readonly #received: Record<Carrier, number> = { channel: 0, sei: 0 };
  readonly #lastAt: Record<Carrier, number> = { channel: -Infinity, sei: -Infinity };
  #clocks: Partial<Record<Carrier, RtpClock>> = {};
  #playback: Playback | undefined;
  #renderer: FaceRenderer | undefined;
  #frame = 0;
  #drawn = 0;
  #visible = false;
  #closed = false;

  constructor(elements: AgentViewElements, options: AgentViewOptions = {}) {
    super();
    this.#elements = elements;
    this.#options = options;
  }

  /** The stream's tracks, once it plays. */
  get media(): MediaStream | undefined {
    return this.#playback?.media;
  }

  get connection(): RTCPeerConnection | undefined {
    return this.#playback?.connection;
  }

  /** The agent's voice sounds now, according to the motion frames. */
  get speaking(): boolean {
    return this.#timelines[this.#carrier()].speaking;
  }

  /** For tests and diagnosis. */
  get counters(): { drawn: number; channel: number; sei: number; carrier: Carrier } {
    return { drawn: this.#drawn, ...this.#received, carrier: this.#carrier() };
  }

  /** Plays `stream` of `room`. Throws the `MienError` of `MienRoom.play` or `FaceRenderer.load`. */
  async open(room: MienRoom, stream: RemoteStream): Promise<void> {
    const { video } = this.#elements;
    const face = stream.video === "mobile" ? fetchPackage(room.packageUrl(stream)) : undefined;
    // Without a listener now, a failed download would count as unhandled while the media connects.
    face?.catch(() => undefined);
    const playback = await room.play(stream, (made) => {
      made.on("motion", ({ carrier, frame, time }) => this.#onMotion(carrier, time, frame.motion, frame.speaking));
      made.on("restarted", () => this.#restart());
      made.on("connected", () => {
        this.#attach();
        this.emit("connected", undefined);
      });
      made.on("interrupted", () => this.emit("interrupted", undefined));
      made.on("failed", (error) => this.emit("failed", error));
      this.#playback = made;
    });
    if (this.#closed) return void playback.close();
    this.#attach();
    if (face) {
      const loaded = await face;
      if (this.#closed) return;
      this.#renderer = new FaceRenderer(this.#elements.canvas, {
        preserveDrawingBuffer: this.#options.preserveDrawingBuffer ?? false,
      });
      this.#renderer.use(loaded);
      this.#frame = requestAnimationFrame(this.#draw);
    } else {
      video.requestVideoFrameCallback(this.#onVideoFrame);
    }
  }

  /** Starts the sound after a touch, where the browser wanted one. */
  async resume(): Promise<void> {
    await this.#elements.video.play();
  }

  async close(): Promise<void> {
    this.#closed = true;
    cancelAnimationFrame(this.#frame);
    this.#renderer?.dispose();
    this.#renderer = undefined;
    // Silent at once, whatever the server takes to end the stream.
    this.#elements.video.srcObject = null;
    await this.#playback?.close();
  }

  #attach(): void {
    const { video } = this.#elements;
    if (!this.#playback || this.#closed) return;
    if (video.srcObject !== this.#playback.media) video.srcObject = this.#playback.media;
    video.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.emit("muted", undefined);
    });
  }

  #restart(): void {
    this.#clocks = {};
    for (const timeline of Object.values(this.#timelines)) timeline.clear();
  }

  #onMotion(carrier: Carrier, time: number, motion: MotionVector, speaking: boolean): void {
    const now = performance.now();
    this.#received[carrier]++;
    this.#lastAt[carrier] = now;
    this.#timelines[carrier].push(time, motion, speaking, now);
  }

  /** The data channel, unless it is silent while SEI arrives. */
  #carrier(): Carrier {
    return this.#lastAt.sei - this.#lastAt.channel > CARRIER_SILENT_MS ? "sei" : "channel";
  }

  readonly #draw = (now: number) => {
    this.#frame = requestAnimationFrame(this.#draw);
    const carrier = this.#carrier();
    this.#timelines[carrier].sample(this.#heard(carrier, now), now, this.motion);
    try {
      if (this.#renderer?.draw(this.motion)) this.#shown();
    } catch (error) {
      cancelAnimationFrame(this.#frame);
      this.emit("failed", asMienError(error, "webgl-unavailable"));
    }
  };

  /** The carrier's time that reaches the ear now. */
  #heard(carrier: Carrier, now: number): number | undefined {
    if (!this.#playback) return undefined;
    const clock = (this.#clocks[carrier] ??= this.#playback.clock(carrier));
    const handedOver = clock.now(now);
    if (handedOver === undefined) return undefined;
    const latency = Math.min(Math.max(this.#options.outputLatency?.() ?? 0, 0), MAX_OUTPUT_LATENCY_S);
    return (handedOver - Math.round(latency * CARRIER_RATE[carrier])) >>> 0;
  }

  readonly #onVideoFrame = () => {
    if (this.#closed) return;
    this.#shown();
    this.#elements.video.requestVideoFrameCallback(this.#onVideoFrame);
  };

  #shown(): void {
    this.#drawn++;
    if (this.#visible) return;
    this.#visible = true;
    this.emit("visible", undefined);
  }
}
