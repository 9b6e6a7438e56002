/** The room's WebSocket: login, room events, room messages (docs/rtc-protocol.md). */
import { Emitter } from "../emitter";
import { MienError } from "../errors";

/** What a stream's video track carries; the value is the API's ConfigId. */
export type VideoKind = "none" | "mobile" | "web";

export interface RemoteStream {
  stream_id: string;
  user_id: string;
  user_name: string;
  extra_info: string;
  video: VideoKind;
  /** Where the digital human's package lies, relative to the server; empty when the picture is a video. */
  package_url: string;
}

export interface Welcome {
  session: string;
  room_id: string;
  user_id: string;
  ice_servers: RTCIceServer[];
  users: string[];
  streams: RemoteStream[];
}

export interface RoomMessage {
  from: string;
  /** 1: from an agent; 20: a request to an agent; 22: its response. */
  msg_type: number;
  /** The JSON text as sent. */
  content: string;
}

type ServerFrame =
  | ({ type: "welcome" } & Welcome)
  | { type: "error"; code: number; reason: string }
  | { type: "stream_added" | "stream_removed"; streams: RemoteStream[] }
  | { type: "user_joined" | "user_left"; user_id: string; user_name: string }
  | ({ type: "message" } & RoomMessage)
  | { type: "sent"; seq: number; ok: boolean; reason: string }
  | { type: "kicked"; reason: string }
  | { type: "pong" };

export interface SignallingEvents {
  streamsAdded: RemoteStream[];
  streamsRemoved: RemoteStream[];
  userJoined: string;
  userLeft: string;
  message: RoomMessage;
  /** The socket is gone: for good when `error` says so, else worth reconnecting. */
  closed: { error: MienError; retry: boolean };
}

/** A client pings at least every 30 s; 10 s notice a dead connection soon. */
const PING_EVERY_MS = 10_000;
/** Without anything from the server for this long the connection counts as lost. */
const SILENT_FOR_MS = 25_000;
const LOGIN_TIMEOUT_MS = 10_000;
const SEND_TIMEOUT_MS = 5_000;

export class Signalling extends Emitter<SignallingEvents> {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (frame: { ok: boolean; reason: string }) => void>();
  #seq = 0;
  #pinger: ReturnType<typeof setInterval> | undefined;
  #heard = 0;
  #final: MienError | undefined;
  #closedByUs = false;
  #welcomed = false;

  private constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
  }

  /**
   * Logs in. Throws `login-refused` (the server said why) or `connection-lost` (no answer).
   *
   * Listeners attached right after this resolves miss nothing: frames are handled in later tasks.
   */
  static open(url: string): Promise<{ signalling: Signalling; welcome: Welcome }> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      const signalling = new Signalling(socket);
      const timer = setTimeout(() => {
        signalling.close();
        reject(new MienError("connection-lost", "The server did not answer the login within 10 seconds."));
      }, LOGIN_TIMEOUT_MS);
      const refuse = (error: MienError) => {
        clearTimeout(timer);
        reject(error);
      };
      socket.onmessage = (event) => {
        const frame = parseFrame(event.data);
        if (!frame) return;
        if (signalling.#welcomed) {
          signalling.#handle(frame);
        } else if (frame.type === "welcome") {
          clearTimeout(timer);
          signalling.#welcomed = true;
          signalling.#startPinging();
          resolve({ signalling, welcome: frame });
        } else if (frame.type === "error") {
          refuse(new MienError("login-refused", frame.reason || "The server refused the login.", frame.code));
        }
      };
      socket.onclose = (event) => {
        refuse(closeReason(event));
        signalling.#closed(event);
      };
    });
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Sends a room message, to everybody or to the users in `to`; resolves when the server has passed it on. */
  send(content: string, msgType: number, to: readonly string[] | null): Promise<void> {
    const seq = ++this.#seq;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(seq);
        reject(new MienError("request-failed", "The server did not confirm the message within 5 seconds."));
      }, SEND_TIMEOUT_MS);
      this.#waiting.set(seq, ({ ok, reason }) => {
        clearTimeout(timer);
        if (ok) resolve();
        else reject(new MienError("request-failed", reason || "The message was refused."));
      });
      if (!this.#write({ type: "message", msg_type: msgType, content, to, seq })) {
        this.#waiting.delete(seq);
        clearTimeout(timer);
        reject(new MienError("connection-lost", "Not connected to the room."));
      }
    });
  }

  close(): void {
    this.#closedByUs = true;
    clearInterval(this.#pinger);
    this.#socket.close(1000);
  }

  #startPinging(): void {
    this.#heard = performance.now();
    this.#pinger = setInterval(() => {
      if (performance.now() - this.#heard > SILENT_FOR_MS) {
        // A half-open connection gives no close event for minutes; do not wait for it.
        this.#socket.close();
        this.#closed(undefined);
      } else {
        this.#write({ type: "ping" });
      }
    }, PING_EVERY_MS);
  }

  #write(frame: object): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #handle(frame: ServerFrame): void {
    this.#heard = performance.now();
    switch (frame.type) {
      case "stream_added":
        return this.emit("streamsAdded", frame.streams);
      case "stream_removed":
        return this.emit("streamsRemoved", frame.streams);
      case "user_joined":
        return this.emit("userJoined", frame.user_id);
      case "user_left":
        return this.emit("userLeft", frame.user_id);
      case "message":
        return this.emit("message", frame);
      case "sent":
        this.#waiting.get(frame.seq)?.(frame);
        this.#waiting.delete(frame.seq);
        return;
      case "kicked":
        this.#final = new MienError("kicked", frame.reason || "Logged in somewhere else with the same user id.");
        return;
      case "error":
        this.#final = new MienError("login-refused", frame.reason, frame.code);
        return;
      case "welcome":
      case "pong":
        return;
    }
  }

  #closed(event: CloseEvent | undefined): void {
    clearInterval(this.#pinger);
    const error = this.#final ?? closeReason(event);
    for (const settle of this.#waiting.values()) settle({ ok: false, reason: error.message });
    this.#waiting.clear();
    if (this.#closedByUs || !this.#welcomed) return;
    this.#closedByUs = true;
    this.emit("closed", { error, retry: error.code === "connection-lost" });
  }
}

function closeReason(event: CloseEvent | undefined): MienError {
  switch (event?.code) {
    case 4001:
      return new MienError("login-refused", event.reason || "The token was not accepted.", 4001);
    case 4003:
      return new MienError("login-refused", event.reason || "This user may not enter the room.", 4003);
    case 4008:
      return new MienError("login-refused", event.reason || "The login request was malformed.", 4008);
    case 4009:
      return new MienError("kicked", event.reason || "Logged in somewhere else with the same user id.", 4009);
    default:
      return new MienError("connection-lost", "The connection to the server was lost.", event?.code);
  }
}

function parseFrame(data: unknown): ServerFrame | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const frame: unknown = JSON.parse(data);
    return typeof frame === "object" && frame !== null && "type" in frame ? (frame as ServerFrame) : undefined;
  } catch {
    return undefined;
  }
}
