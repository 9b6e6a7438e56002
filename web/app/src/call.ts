/** One call at a time: microphone, room, agent, face. The page shows what `useCall` says. */
import {
  AgentView,
  asMienError,
  canRenderFast,
  LevelMeter,
  MienError,
  MienRoom,
  openMicrophone,
  Subtitles,
  type AgentStatus,
  type Publication,
  type RemoteStream,
  type Utterance,
} from "@mien/sdk";
import { computed, reactive, readonly, shallowRef } from "vue";
import { askAgent } from "./agent";
import { createSession, isReady, startAgent, stopAgent, type ConfigId, type Lang, type Session, type Started } from "./api";
import { problem, problemOf, type Problem } from "./problems";

export type Phase = "idle" | "connecting" | "talking";
export type Step = "microphone" | "warming" | "joining" | "waking" | "face";

export interface CallRequest {
  lang: Lang;
  digitalHumanId: string;
  /** Wanted by the address (`?config=`); otherwise decided by what this browser can draw. */
  config: ConfigId | undefined;
  /** False: no microphone, the user types. */
  voice: boolean;
}

export interface CallElements {
  canvas: HTMLCanvasElement;
  video: HTMLVideoElement;
}

interface CallState {
  phase: Phase;
  step: Step;
  config: ConfigId;
  /** The face is on the screen. */
  faceVisible: boolean;
  status: AgentStatus;
  userSpeaking: boolean;
  reconnecting: boolean;
  muted: boolean;
  /** There is a microphone in this call. */
  voice: boolean;
  soundBlocked: boolean;
  startedAt: number;
  /** Seconds of the call that ended last; undefined when there was none, or it did not end well. */
  lastSeconds: number | undefined;
}

const READY_EVERY_MS = 1_000;
/** A cold machine may need this long to create an instance and its first frame. */
const AGENT_WITHIN_MS = 20_000;

class Cancelled extends Error {}

/** Everything that lives as long as one call. */
interface Live {
  request: CallRequest;
  session: Session;
  room: MienRoom;
  publication: Publication | undefined;
  agent: Started | undefined;
  view: AgentView | undefined;
}

export function useCall(elements: () => CallElements) {
  const state = reactive<CallState>({
    phase: "idle",
    step: "joining",
    config: "mobile",
    faceVisible: false,
    status: "idle",
    userSpeaking: false,
    reconnecting: false,
    muted: false,
    voice: true,
    soundBlocked: false,
    startedAt: 0,
    lastSeconds: undefined,
  });
  const utterances = shallowRef<readonly Utterance[]>([]);
  const trouble = shallowRef<Problem>();
  const counters = { agentLevel: 0, maxAgentLevel: 0, userLevel: 0 };

  let run = 0;
  let live: Live | undefined;
  let microphone: MediaStreamTrack | undefined;
  let audio: AudioContext | undefined;
  let agentMeter: LevelMeter | undefined;
  let userMeter: LevelMeter | undefined;
  let subtitles = new Subtitles();

  async function start(request: CallRequest): Promise<void> {
    if (state.phase !== "idle") return;
    const mine = ++run;
    const check = () => {
      if (mine !== run) throw new Cancelled();
    };
    trouble.value = undefined;
    utterances.value = [];
    Object.assign(state, {
      phase: "connecting",
      step: request.voice ? "microphone" : "joining",
      faceVisible: false,
      status: "idle",
      userSpeaking: false,
      reconnecting: false,
      muted: false,
      voice: request.voice,
      soundBlocked: false,
      lastSeconds: undefined,
    } satisfies Partial<CallState>);
    try {
      // Made from the click that began the call, or the browser would keep it silent.
      audio = new AudioContext();
      if (request.voice) {
        const track = await openMicrophone();
        if (mine !== run) {
          track.stop();
          throw new Cancelled();
        }
        microphone = track;
        userMeter = new LevelMeter(audio);
        userMeter.attach(new MediaStream([track]));
      }
      while (!(await isReady())) {
        check();
        state.step = "warming";
        await new Promise((resolve) => setTimeout(resolve, READY_EVERY_MS));
      }
      check();
      state.step = "joining";
      const session = await createSession(request.lang);
      check();
      live = { request, session, room: openRoom(session), publication: undefined, agent: undefined, view: undefined };
      await live.room.login();
      check();
      if (microphone) live.publication = await live.room.publish(session.user_stream_id, microphone);
      check();
      await bringAgent(live, request.config ?? (canRenderFast() ? "mobile" : "web"), check);
      check();
      state.phase = "talking";
      state.startedAt = Date.now();
    } catch (error) {
      if (error instanceof Cancelled || mine !== run) return;
      await finish(problemOf(error));
    }
  }

  /** Creates the agent and shows its face; where WebGL fails after all, once more as a video. */
  async function bringAgent(call: Live, config: ConfigId, check: () => void): Promise<void> {
    state.config = config;
    state.step = "waking";
    const { request, session, room } = call;
    const agent = await startAgent(session, request.digitalHumanId, config, request.lang);
    call.agent = agent;
    check();
    const stream = await streamOf(room, agent.agent_stream_id);
    check();
    state.step = "face";
    try {
      await show(call, stream);
    } catch (error) {
      const { code } = asMienError(error, "request-failed");
      const cannotDraw = code === "webgl-unavailable" || code === "package-unreadable";
      if (!cannotDraw || config === "web" || request.config === "mobile") throw error;
      console.warn("mien: the face cannot be drawn here, asking for a video instead", error);
      await call.view?.close();
      await stopAgent(agent.agent_instance_id);
      check();
      await bringAgent(call, "web", check);
    }
  }

  function openRoom(session: Session): MienRoom {
    const room = new MienRoom({
      appId: session.app_id,
      roomId: session.room_id,
      userId: session.user_id,
      token: session.token,
      wsPath: session.ws_path,
    });
    subtitles = new Subtitles();
    subtitles.on("change", () => {
      utterances.value = subtitles.utterances;
      state.status = subtitles.status;
      state.userSpeaking = subtitles.userSpeaking;
    });
    room.on("message", ({ msg_type, content }) => {
      if (msg_type === 1) subtitles.handle(content);
    });
    room.on("state", (roomState) => (state.reconnecting = roomState === "reconnecting"));
    room.on("closed", (error) => void finish(problemOf(error, true)));
    room.on("streamsRemoved", (streams) => {
      const ours = live?.agent?.agent_stream_id;
      if (state.phase === "talking" && streams.some(({ stream_id }) => stream_id === ours)) {
        void finish(problem("agent-left"));
      }
    });
    return room;
  }

  async function show(call: Live, stream: RemoteStream): Promise<void> {
    const view = new AgentView(elements(), {
      preserveDrawingBuffer: navigator.webdriver,
      outputLatency: () => audio?.outputLatency ?? 0,
    });
    call.view = view;
    view.on("visible", () => (state.faceVisible = true));
    view.on("muted", () => (state.soundBlocked = true));
    view.on("interrupted", () => (state.reconnecting = true));
    view.on("connected", () => {
      state.reconnecting = false;
      if (audio && view.media) (agentMeter ??= new LevelMeter(audio)).attach(view.media);
    });
    view.on("failed", (error) => void finish(problemOf(error, true)));
    await view.open(call.room, stream);
  }

  /** Ends the call; with a problem, the page says so. */
  async function finish(reason?: Problem): Promise<void> {
    if (state.phase === "idle") return;
    run++;
    const ended = live;
    live = undefined;
    state.lastSeconds = state.phase === "talking" ? Math.round((Date.now() - state.startedAt) / 1000) : undefined;
    state.phase = "idle";
    state.faceVisible = false;
    state.reconnecting = false;
    trouble.value = reason;
    microphone?.stop();
    microphone = undefined;
    agentMeter?.detach();
    userMeter?.detach();
    agentMeter = userMeter = undefined;
    const context = audio;
    audio = undefined;
    await Promise.allSettled([ended?.view?.close(), ended?.room.logout(), context?.close()]);
    if (ended?.agent) await stopAgent(ended.agent.agent_instance_id).catch(() => undefined);
  }

  function toggleMute(): void {
    if (!live?.publication) return;
    live.publication.muted = !live.publication.muted;
    state.muted = live.publication.muted;
  }

  async function ask(text: string): Promise<void> {
    if (!live?.agent) throw new MienError("connection-lost", "There is no call.");
    await askAgent(live.room, live.agent.agent_user_id, live.session.user_id, text);
    subtitles.addTyped(text);
  }

  async function unblockSound(): Promise<void> {
    await Promise.allSettled([live?.view?.resume(), audio?.resume()]);
    state.soundBlocked = false;
  }

  /** Loudness of both sides now, 0…1, for the page's meters; call it once a frame. */
  function levels(): { agent: number; user: number } {
    counters.agentLevel = agentMeter?.read() ?? 0;
    counters.maxAgentLevel = Math.max(counters.maxAgentLevel, counters.agentLevel);
    counters.userLevel = state.muted ? 0 : (userMeter?.read() ?? 0);
    return { agent: counters.agentLevel, user: counters.userLevel };
  }

  // Closing the page ends the call at once instead of after the server's patience.
  addEventListener("pagehide", () => {
    if (live?.agent) void stopAgent(live.agent.agent_instance_id).catch(() => undefined);
  });

  return {
    state: readonly(state),
    utterances,
    trouble,
    busy: computed(() => state.phase !== "idle"),
    start,
    hangUp: () => finish(),
    dismiss: () => (trouble.value = undefined),
    toggleMute,
    ask,
    unblockSound,
    levels,
    /** For tests and diagnosis. */
    inspect: () => ({
      ...state,
      ...counters,
      ...(live?.view?.counters ?? { drawn: 0, channel: 0, sei: 0, carrier: "channel" }),
      motion: Array.from(live?.view?.motion ?? []),
      connection: live?.view?.connection?.connectionState,
      utterances: utterances.value,
      trouble: trouble.value,
    }),
  };
}

export type Call = ReturnType<typeof useCall>;

/** The agent's stream, as soon as it is there. Throws `stream-missing`. */
function streamOf(room: MienRoom, streamId: string): Promise<RemoteStream> {
  const present = room.streams.find(({ stream_id }) => stream_id === streamId);
  if (present) return Promise.resolve(present);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      forget();
      reject(new MienError("stream-missing", "The agent published no stream."));
    }, AGENT_WITHIN_MS);
    const forget = room.on("streamsAdded", (streams) => {
      const found = streams.find(({ stream_id }) => stream_id === streamId);
      if (!found) return;
      clearTimeout(timer);
      forget();
      resolve(found);
    });
  });
}
