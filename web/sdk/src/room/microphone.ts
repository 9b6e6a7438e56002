/** The microphone, and why there is none. */
import { MienError } from "../errors";

/**
 * Asks for the microphone with echo cancellation, noise suppression and gain control.
 *
 * Throws `insecure-context`, `microphone-denied`, `microphone-missing` or `microphone-busy`.
 */
export async function openMicrophone(deviceId?: string): Promise<MediaStreamTrack> {
  // Browsers hide mediaDevices altogether on plain http from another machine.
  if (!("mediaDevices" in navigator) || !window.isSecureContext) {
    throw new MienError(
      "insecure-context",
      "Browsers give the microphone only to pages from https:// or from localhost. Open this page with one of them.",
    );
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        channelCount: { ideal: 1 },
        ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
      },
    });
    const track = stream.getAudioTracks()[0];
    if (!track) throw new MienError("microphone-missing", "No microphone was found.");
    return track;
  } catch (error) {
    throw microphoneError(error);
  }
}

/** What `getUserMedia` rejected with, in words. */
export function microphoneError(error: unknown): MienError {
  if (error instanceof MienError) return error;
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return new MienError(
        "microphone-denied",
        "The microphone was refused. Allow it for this page in the browser's address bar, then call again.",
      );
    case "NotFoundError":
    case "OverconstrainedError":
      return new MienError("microphone-missing", "No microphone was found. Connect one, then call again.");
    case "NotReadableError":
    case "AbortError":
      return new MienError(
        "microphone-busy",
        "The microphone cannot be opened; another program may be using it. Close that program, then call again.",
      );
    default:
      return new MienError("microphone-busy", `The microphone cannot be opened: ${String(error)}`);
  }
}
