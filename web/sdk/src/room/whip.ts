/** One SDP offer and its answer over HTTP: the part WHIP and WHEP share (RFC 9725). */
import { MienError } from "../errors";

/** Candidates of the local network are there within this; later ones are trickled. */
const GATHER_MS = 700;
const END_TIMEOUT_MS = 1_500;

/** A negotiated connection on the server. */
export interface Resource {
  /** Ends it on the server; never throws. */
  end(): Promise<void>;
}

/**
 * Sends `pc`'s offer to a WHIP or WHEP `endpoint` and applies the answer.
 *
 * Throws `stream-taken` (409), `stream-missing` (404), `server-full` (503), `login-refused` (401, 403),
 * `connection-lost` (no answer) or `request-failed`.
 */
export async function negotiate(pc: RTCPeerConnection, endpoint: string, session: string): Promise<Resource> {
  const late: RTCIceCandidate[] = [];
  let resource = "";
  const authorization = `Bearer ${session}`;
  let offered = false;
  pc.onicecandidate = ({ candidate }) => {
    if (!candidate || !offered) return;
    if (resource) void trickle(pc, resource, authorization, [candidate]);
    else late.push(candidate);
  };

  await pc.setLocalDescription();
  await gathered(pc);
  offered = true;
  let response: Response;
  try {
    response = await fetch(endpoint, {
      method: "POST",
      headers: { authorization, "content-type": "application/sdp" },
      body: pc.localDescription?.sdp ?? "",
    });
  } catch {
    throw new MienError("connection-lost", "The server cannot be reached.");
  }
  if (response.status !== 201) throw await refusal(response);
  const sdp = await response.text();
  const location = response.headers.get("location");
  resource = location ? new URL(location, response.url).href : "";
  const end = async () => {
    pc.onicecandidate = null;
    if (!resource) return;
    try {
      const signal = AbortSignal.timeout(END_TIMEOUT_MS);
      await fetch(resource, { method: "DELETE", headers: { authorization }, keepalive: true, signal });
    } catch {
      // The server notices by itself when the connection's packets stop.
    }
  };
  try {
    await pc.setRemoteDescription({ type: "answer", sdp });
  } catch (error) {
    await end();
    throw new MienError("unsupported", `This browser does not understand the server's media: ${String(error)}`);
  }
  if (resource && late.length) void trickle(pc, resource, authorization, late);
  return { end };
}

function gathered(pc: RTCPeerConnection): Promise<void> {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      pc.removeEventListener("icegatheringstatechange", check);
      resolve();
    };
    const check = () => {
      if (pc.iceGatheringState === "complete") finish();
    };
    const timer = setTimeout(finish, GATHER_MS);
    pc.addEventListener("icegatheringstatechange", check);
  });
}

/** PATCHes candidates as an SDP fragment (RFC 8840); a lost one only costs a route. */
async function trickle(
  pc: RTCPeerConnection,
  resource: string,
  authorization: string,
  candidates: readonly RTCIceCandidate[],
): Promise<void> {
  const sdp = pc.localDescription?.sdp ?? "";
  const media = /^m=.*$/m.exec(sdp)?.[0] ?? "m=audio 9 RTP/AVP 0";
  const lines = [
    ...(sdp.match(/^a=ice-(ufrag|pwd):.*$/gm) ?? []).slice(0, 2).map((line) => line.trim()),
    media.trim(),
    `a=mid:${candidates[0]?.sdpMid ?? "0"}`,
    ...candidates.map(({ candidate }) => `a=${candidate}`),
    "",
  ];
  try {
    await fetch(resource, {
      method: "PATCH",
      headers: { authorization, "content-type": "application/trickle-ice-sdpfrag" },
      body: lines.join("\r\n"),
    });
  } catch {
    // The offer's own candidates usually suffice.
  }
}

async function refusal(response: Response): Promise<MienError> {
  let message = "";
  try {
    const body: unknown = await response.json();
    if (typeof body === "object" && body !== null && "message" in body) message = String(body.message);
  } catch {
    // Not JSON: an intermediary answered; the status says enough.
  }
  message ||= `The server answered ${response.status}.`;
  switch (response.status) {
    case 401:
    case 403:
      return new MienError("login-refused", message, response.status);
    case 404:
      return new MienError("stream-missing", message, response.status);
    case 409:
      return new MienError("stream-taken", message, response.status);
    case 503:
      return new MienError("server-full", message, response.status);
    default:
      return new MienError("request-failed", message, response.status);
  }
}
