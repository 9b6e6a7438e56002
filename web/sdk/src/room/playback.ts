/** An agent's stream: its voice, its picture or its motion frames. */
import { decodeMotion, type MotionFrame } from "../motion";
import { RtpClock, type RtpSource } from "../sync";
import type { SeiReport } from "../sei.worker";
import SeiWorker from "../sei.worker?worker&inline";
import { Link, type LinkEvents } from "./link";
import type { VideoKind } from "./signalling";

/** How a motion frame came. */
export type Carrier = "channel" | "sei";

export interface PlaybackEvents extends LinkEvents {
  /** A motion frame; `time` is on the clock of its carrier (`Playback.clock`). */
  motion: { carrier: Carrier; frame: MotionFrame; time: number };
  /** Tracks were replaced: time stamps of the old connection mean nothing any more. */
  restarted: undefined;
}

/** Hz of the carriers' clocks. */
export const CARRIER_RATE: Record<Carrier, number> = { channel: 48_000, sei: 90_000 };

interface ScriptTransformWindow {
  RTCRtpScriptTransform?: new (worker: Worker, options?: unknown) => object;
}

export class Playback extends Link<PlaybackEvents> {
  /** The stream's tracks; attach it to an element. The object stays when the connection is made again. */
  readonly media = new MediaStream();
  protected override readonly protocol = "whep";
  readonly #kind: VideoKind;
  #audio: RTCRtpReceiver | undefined;
  #video: RTCRtpReceiver | undefined;
  #worker: Worker | undefined;

  constructor(streamId: string, kind: VideoKind) {
    super(streamId);
    this.#kind = kind;
  }

  /** A clock of what is heard ("channel") or decoded ("sei") now; make a new one after `restarted`. */
  clock(carrier: Carrier): RtpClock {
    const read = (): RtpSource | undefined => {
      const receiver = carrier === "channel" ? this.#audio : this.#video;
      return receiver?.getSynchronizationSources()[0];
    };
    return new RtpClock(read, CARRIER_RATE[carrier], performance.timeOrigin);
  }

  override async close(gone = false): Promise<void> {
    await super.close(gone);
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const track of this.media.getTracks()) this.media.removeTrack(track);
  }

  protected override prepare(pc: RTCPeerConnection): void {
    for (const track of this.media.getTracks()) this.media.removeTrack(track);
    this.#audio = pc.addTransceiver("audio", { direction: "recvonly" }).receiver;
    this.media.addTrack(this.#audio.track);
    if (this.#kind !== "none") {
      const transceiver = pc.addTransceiver("video", { direction: "recvonly" });
      preferH264(transceiver);
      this.#video = transceiver.receiver;
      this.media.addTrack(this.#video.track);
    }
    if (this.#kind === "mobile") {
      this.#readSei();
      this.#openChannel(pc);
    }
    this.emit("restarted", undefined);
  }

  #openChannel(pc: RTCPeerConnection): void {
    const channel = pc.createDataChannel("motion", { ordered: false, maxRetransmits: 0 });
    channel.binaryType = "arraybuffer";
    channel.onmessage = ({ data }) => {
      const frame = data instanceof ArrayBuffer ? decodeMotion(data) : undefined;
      if (frame) this.emit("motion", { carrier: "channel", frame, time: frame.stamp });
    };
  }

  /** Second carrier, where the browser lets a page look into encoded pictures. */
  #readSei(): void {
    const { RTCRtpScriptTransform } = window as unknown as ScriptTransformWindow;
    if (!RTCRtpScriptTransform || !this.#video) return;
    this.#worker?.terminate();
    this.#worker = new SeiWorker();
    this.#worker.onmessage = ({ data }: MessageEvent<SeiReport>) => {
      const frame = decodeMotion(data.payload);
      if (frame) this.emit("motion", { carrier: "sei", frame, time: data.rtp });
    };
    (this.#video as RTCRtpReceiver & { transform: object }).transform = new RTCRtpScriptTransform(this.#worker);
  }
}

/** The server sends H.264; a browser without it still gets the voice and the motion channel. */
function preferH264(transceiver: RTCRtpTransceiver): void {
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const wanted = codecs.filter(({ mimeType }) => /^video\/(h264|rtx)$/i.test(mimeType));
  if (wanted.some(({ mimeType }) => /h264/i.test(mimeType))) transceiver.setCodecPreferences(wanted);
}
