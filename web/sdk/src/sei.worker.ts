/** Runs beside the page: reads the motion frame out of every encoded picture and passes the picture on untouched. */
import { findUserData, MOTION_UUID, uuidBytes } from "./sei";

/** What the worker tells the page about a picture. */
export interface SeiReport {
  /** The picture's RTP time stamp, 90 kHz. */
  rtp: number;
  payload: ArrayBuffer;
}

interface EncodedVideoFrame {
  readonly data: ArrayBuffer;
  getMetadata(): { rtpTimestamp?: number };
}

interface TransformEvent extends Event {
  readonly transformer: {
    readonly readable: ReadableStream<EncodedVideoFrame>;
    readonly writable: WritableStream<EncodedVideoFrame>;
  };
}

const uuid = uuidBytes(MOTION_UUID);
const scope = self as unknown as {
  onrtctransform: ((event: TransformEvent) => void) | null;
  postMessage(message: SeiReport, transfer: Transferable[]): void;
};

scope.onrtctransform = ({ transformer }) => {
  const reader = new TransformStream<EncodedVideoFrame, EncodedVideoFrame>({
    transform(frame, controller) {
      const payload = findUserData(new Uint8Array(frame.data), uuid);
      const rtp = frame.getMetadata().rtpTimestamp;
      if (payload && rtp !== undefined) {
        const buffer = payload.slice().buffer;
        scope.postMessage({ rtp, payload: buffer }, [buffer]);
      }
      controller.enqueue(frame);
    },
  });
  // The pipe ends when the receiver stops; nobody needs to hear of it.
  void transformer.readable.pipeThrough(reader).pipeTo(transformer.writable).catch(() => undefined);
};
