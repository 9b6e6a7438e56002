/** The user's microphone on its way to the room. */
import { Link } from "./link";

export class Publication extends Link {
  protected override readonly protocol = "whip";

  constructor(
    streamId: string,
    readonly track: MediaStreamTrack,
  ) {
    super(streamId);
  }

  /** Sends silence instead of the microphone while true; the connection stays. */
  set muted(muted: boolean) {
    this.track.enabled = !muted;
  }

  get muted(): boolean {
    return !this.track.enabled;
  }

  protected override prepare(pc: RTCPeerConnection): void {
    pc.addTransceiver(this.track, { direction: "sendonly" });
  }
}
