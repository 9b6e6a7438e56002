/** A room of Mien's embedded transport: log in, publish a microphone, play agents, exchange messages. */
import { Emitter } from "../emitter";
import { asMienError, MienError } from "../errors";
import type { Link, RoomAccess } from "./link";
import { Playback } from "./playback";
import { Publication } from "./publication";
import { Signalling, type RemoteStream, type RoomMessage, type Welcome } from "./signalling";

export interface RoomOptions {
  /** Address of the server, e.g. `https://mien.example.com`; default: where the page came from. */
  url?: string;
  /** Path or full URL of the WebSocket; default `/rtc/v1/ws`. */
  wsPath?: string;
  appId: number;
  roomId: string;
  userId: string;
  userName?: string;
  /** Token04 of this user, made by the business backend. */
  token: string;
}

export type RoomState = "disconnected" | "connecting" | "connected" | "reconnecting";

export interface RoomEvents {
  state: RoomState;
  streamsAdded: RemoteStream[];
  streamsRemoved: RemoteStream[];
  userJoined: string;
  userLeft: string;
  message: RoomMessage;
  /** The room is gone for good; the error says why. */
  closed: MienError;
}

/** Waits before the attempts to log in again, about half a minute in all. */
const RECONNECT_AFTER_MS = [300, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000];

export class MienRoom extends Emitter<RoomEvents> {
  readonly #options: RoomOptions;
  readonly #base: string;
  readonly #links = new Set<Link | Playback>();
  readonly #streams = new Map<string, RemoteStream>();
  #signalling: Signalling | undefined;
  #access: RoomAccess | undefined;
  #state: RoomState = "disconnected";
  #left = false;

  constructor(options: RoomOptions) {
    super();
    this.#options = options;
    this.#base = (options.url ?? location.origin).replace(/\/+$/, "");
  }

  get state(): RoomState {
    return this.#state;
  }

  /** Streams of others in the room now. */
  get streams(): readonly RemoteStream[] {
    return [...this.#streams.values()];
  }

  /** Enters the room. Throws `login-refused` or `connection-lost`. */
  async login(): Promise<void> {
    this.#left = false;
    this.#setState("connecting");
    try {
      await this.#open();
      this.#setState("connected");
    } catch (error) {
      this.#setState("disconnected");
      throw error;
    }
  }

  /** Sends `track` to the room as stream `streamId`; the stream lives until `close()` or `logout()`. */
  async publish(streamId: string, track: MediaStreamTrack): Promise<Publication> {
    return this.#connect(new Publication(streamId, track));
  }

  /**
   * Plays a stream of the room.
   *
   * `prepare` gets the playback before it connects, to attach listeners that miss nothing.
   */
  async play(stream: RemoteStream, prepare?: (playback: Playback) => void): Promise<Playback> {
    const playback = new Playback(stream.stream_id, stream.video);
    prepare?.(playback);
    return this.#connect(playback);
  }

  /** Sends a room message: to everybody, or to the users in `to`. At most 16 KiB. */
  async sendMessage(content: string, options: { type?: number; to?: readonly string[] } = {}): Promise<void> {
    if (!this.#signalling) throw new MienError("connection-lost", "Not connected to the room.");
    await this.#signalling.send(content, options.type ?? 1, options.to ?? null);
  }

  /** A stream's package address as an absolute URL; empty when it has none. */
  packageUrl(stream: RemoteStream): string {
    return stream.package_url ? new URL(stream.package_url, `${this.#base}/`).href : "";
  }

  /** Leaves the room and ends everything published and played. */
  async logout(): Promise<void> {
    this.#left = true;
    const links = [...this.#links];
    this.#links.clear();
    await Promise.all(links.map((link) => link.close()));
    this.#signalling?.close();
    this.#signalling = undefined;
    this.#streams.clear();
    this.#setState("disconnected");
  }

  async #connect<L extends Publication | Playback>(link: L): Promise<L> {
    if (!this.#access) throw new MienError("connection-lost", "Not connected to the room.");
    this.#links.add(link);
    try {
      await link.connect(this.#access);
    } catch (error) {
      this.#links.delete(link);
      await link.close();
      throw error;
    }
    return link;
  }

  async #open(): Promise<void> {
    const { signalling, welcome } = await Signalling.open(this.#socketUrl());
    if (this.#left) {
      signalling.close();
      throw new MienError("connection-lost", "The room was left.");
    }
    this.#signalling = signalling;
    this.#access = {
      base: this.#base,
      session: welcome.session,
      roomId: this.#options.roomId,
      iceServers: welcome.ice_servers,
    };
    signalling.on("streamsAdded", (streams) => this.#add(streams));
    signalling.on("streamsRemoved", (streams) => this.#remove(streams));
    signalling.on("userJoined", (user) => this.emit("userJoined", user));
    signalling.on("userLeft", (user) => this.emit("userLeft", user));
    signalling.on("message", (message) => this.emit("message", message));
    signalling.on("closed", ({ error, retry }) => void this.#lost(error, retry));
    this.#reconcile(welcome);
  }

  /** Tells what changed while nobody listened: at login every stream is new, at a later one perhaps none. */
  #reconcile({ streams }: Welcome): void {
    const present = new Set(streams.map(({ stream_id }) => stream_id));
    this.#remove(this.streams.filter(({ stream_id }) => !present.has(stream_id)));
    this.#add(streams);
  }

  #add(streams: RemoteStream[]): void {
    const fresh = streams.filter(
      ({ stream_id, user_id }) => user_id !== this.#options.userId && !this.#streams.has(stream_id),
    );
    for (const stream of fresh) this.#streams.set(stream.stream_id, stream);
    if (fresh.length) this.emit("streamsAdded", fresh);
  }

  #remove(streams: RemoteStream[]): void {
    const gone = streams.filter(({ stream_id }) => this.#streams.delete(stream_id));
    for (const { stream_id } of gone) {
      for (const link of this.#links) {
        if (link instanceof Playback && link.streamId === stream_id) {
          this.#links.delete(link);
          void link.close(true);
        }
      }
    }
    if (gone.length) this.emit("streamsRemoved", gone);
  }

  async #lost(error: MienError, retry: boolean): Promise<void> {
    this.#signalling = undefined;
    if (this.#left) return;
    if (!retry) return this.#end(error);
    this.#setState("reconnecting");
    let last = error;
    for (const wait of RECONNECT_AFTER_MS) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (this.#left) return;
      try {
        await this.#open();
        this.#setState("connected");
        await this.#reconnectLinks();
        return;
      } catch (failure) {
        last = asMienError(failure, "connection-lost");
        if (last.code === "login-refused") break;
      }
    }
    await this.#end(last);
  }

  async #reconnectLinks(): Promise<void> {
    const access = this.#access;
    if (!access) return;
    // Publishing and playing ended with the old WebSocket.
    await Promise.allSettled([...this.#links].map((link) => link.connect(access)));
  }

  async #end(error: MienError): Promise<void> {
    this.#access = undefined;
    await this.logout();
    this.emit("closed", error);
  }

  #socketUrl(): string {
    const { appId, roomId, userId, userName, token, wsPath } = this.#options;
    const url = new URL(wsPath ?? "/rtc/v1/ws", `${this.#base}/`);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("app_id", String(appId));
    url.searchParams.set("room_id", roomId);
    url.searchParams.set("user_id", userId);
    if (userName) url.searchParams.set("user_name", userName);
    url.searchParams.set("token", token);
    return url.href;
  }

  #setState(state: RoomState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.emit("state", state);
  }
}
