/** A peer connection that is made again when it fails. */
import { Emitter } from "../emitter";
import { asMienError, MienError } from "../errors";
import { negotiate, type Resource } from "./whip";

/** What a link needs to know about the room it belongs to. */
export interface RoomAccess {
  /** Address of the HTTP server, without a slash at its end. */
  base: string;
  session: string;
  roomId: string;
  iceServers: RTCIceServer[];
}

export interface LinkEvents {
  /** Media flows (again). */
  connected: undefined;
  /** The connection broke; it is being made again. */
  interrupted: undefined;
  /** It could not be made again. */
  failed: MienError;
}

const CONNECT_TIMEOUT_MS = 12_000;
/** A short radio gap heals by itself; beyond this a new connection is quicker. */
const DISCONNECTED_FOR_MS = 4_000;
const RETRY_AFTER_MS = [0, 1_000, 2_000, 4_000];

export abstract class Link<Events extends LinkEvents = LinkEvents> extends Emitter<Events> {
  protected pc: RTCPeerConnection | undefined;
  #resource: Resource | undefined;
  #access: RoomAccess | undefined;
  #closed = false;
  #attempt = 0;
  /** Session the present resource belongs to; it ends with its session. */
  #sessionOf = "";

  constructor(readonly streamId: string) {
    super();
  }

  /** Adds tracks and channels to a fresh connection. */
  protected abstract prepare(pc: RTCPeerConnection): void;
  /** "whip" or "whep". */
  protected abstract readonly protocol: string;

  get connection(): RTCPeerConnection | undefined {
    return this.pc;
  }

  /** Connects, or connects again with a new session; throws the `MienError` of `negotiate` or `connection-lost`. */
  async connect(access: RoomAccess): Promise<void> {
    this.#access = access;
    const attempt = ++this.#attempt;
    await this.#drop(access.session !== this.#sessionOf);
    this.#sessionOf = access.session;
    const pc = new RTCPeerConnection({ iceServers: access.iceServers, bundlePolicy: "max-bundle" });
    this.pc = pc;
    this.prepare(pc);
    const { base, roomId, session } = access;
    const endpoint = `${base}/rtc/v1/${this.protocol}/${encodeURIComponent(roomId)}/${encodeURIComponent(this.streamId)}`;
    const resource = await negotiate(pc, endpoint, session).catch((error: unknown) => {
      pc.close();
      throw error;
    });
    if (this.#closed || attempt !== this.#attempt) {
      pc.close();
      await resource.end();
      return;
    }
    this.#resource = resource;
    await connected(pc);
    this.#watch(pc);
    this.emitLink("connected", undefined);
  }

  /** Ends it here and on the server; `gone`: the server has ended it already. */
  async close(gone = false): Promise<void> {
    this.#closed = true;
    this.#attempt++;
    await this.#drop(gone);
  }

  async #drop(gone = false): Promise<void> {
    const [resource, pc] = [this.#resource, this.pc];
    this.#resource = undefined;
    this.pc = undefined;
    if (pc) pc.onconnectionstatechange = null;
    // The server first: it would take the closing connection for the end, and know nothing of the resource then.
    if (!gone) await resource?.end();
    pc?.close();
  }

  #watch(pc: RTCPeerConnection): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    pc.onconnectionstatechange = () => {
      clearTimeout(timer);
      if (pc.connectionState === "failed") void this.#again(pc);
      if (pc.connectionState === "disconnected") timer = setTimeout(() => void this.#again(pc), DISCONNECTED_FOR_MS);
    };
  }

  async #again(broken: RTCPeerConnection): Promise<void> {
    if (this.#closed || this.pc !== broken || !this.#access) return;
    this.emitLink("interrupted", undefined);
    const attempt = this.#attempt;
    let error = new MienError("connection-lost", "The media connection was lost.");
    for (const [tries, wait] of RETRY_AFTER_MS.entries()) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      // The room logged in again meanwhile and takes care of this link.
      if (this.#closed || this.#attempt !== attempt + tries) return;
      try {
        await this.connect(this.#access);
        return;
      } catch (failure) {
        error = asMienError(failure, "connection-lost");
        // The session ended with the WebSocket: the room will bring a new one.
        if (error.code === "login-refused") return;
      }
    }
    this.emitLink("failed", error);
  }

  protected emitLink<Name extends keyof LinkEvents>(name: Name, value: LinkEvents[Name]): void {
    this.emit(name, value as Events[Name]);
  }
}

function connected(pc: RTCPeerConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(), CONNECT_TIMEOUT_MS);
    const fail = () => {
      clearTimeout(timer);
      pc.onconnectionstatechange = null;
      reject(
        new MienError(
          "connection-lost",
          "No media connection to the server could be made. A firewall may block UDP; ask for a TURN server.",
        ),
      );
    };
    const check = () => {
      if (pc.connectionState === "connected") {
        clearTimeout(timer);
        resolve();
      } else if (pc.connectionState === "failed" || pc.connectionState === "closed") {
        fail();
      }
    };
    pc.onconnectionstatechange = check;
    check();
  });
}
