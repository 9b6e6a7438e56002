/** Calls with Mien's digital humans in the browser. */
export { AgentView, type AgentViewElements, type AgentViewEvents, type AgentViewOptions } from "./view";
export { asMienError, MienError, type MienErrorCode } from "./errors";
export { canRenderFast, whySlow, type SlowReason } from "./face/fast";
export { fetchPackage, readPackage, type FacePackage } from "./face/package";
export { FaceRenderer, type FaceRendererOptions } from "./face/renderer";
export { LevelMeter } from "./level";
export { CHANNELS, decodeMotion, INDEX, motionOf, type Channel, type MotionFrame, type MotionVector } from "./motion";
export { microphoneError, openMicrophone } from "./room/microphone";
export { Playback, type Carrier } from "./room/playback";
export { Publication } from "./room/publication";
export { MienRoom, type RoomEvents, type RoomOptions, type RoomState } from "./room/room";
export type { RemoteStream, RoomMessage, VideoKind } from "./room/signalling";
export { findUserData, MOTION_UUID } from "./sei";
export { Subtitles, type AgentStatus, type Utterance } from "./subtitles";
export { MotionTimeline, RtpClock } from "./sync";
