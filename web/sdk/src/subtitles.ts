/**
 * Subtitles and the agent's status out of room messages (Cmd 1, 3, 4, 6, 102).
 *
 * Messages may arrive out of order and more than once: `SeqId` decides. The user's text (Cmd 3) is always the whole
 * text so far, the agent's (Cmd 4) comes in pieces that are sorted and joined.
 */
import { Emitter } from "./emitter";

export type AgentStatus = "idle" | "listening" | "thinking" | "speaking";

const STATUSES: readonly AgentStatus[] = ["idle", "listening", "thinking", "speaking"];

export interface Utterance {
  /** Unique in the call. */
  id: string;
  speaker: "user" | "agent";
  round: number;
  text: string;
  /** Nothing more will come: it is complete, or it was interrupted. */
  done: boolean;
}

export interface SubtitleEvents {
  /** Anything changed: read `utterances`, `status`, `userSpeaking`. */
  change: undefined;
  /** Cmd 102: metadata of the sentence that begins to be played. */
  metadata: Record<string, unknown>;
}

interface Envelope {
  SeqId: number;
  Round: number;
  Cmd: number;
  Data: Record<string, unknown>;
}

interface Piece {
  seq: number;
  text: string;
}

export class Subtitles extends Emitter<SubtitleEvents> {
  #utterances: Utterance[] = [];
  readonly #pieces = new Map<string, Piece[]>();
  #userSeq = -1;
  #statusSeq = -1;
  #speechSeq = -1;
  #status: AgentStatus = "idle";
  #userSpeaking = false;

  /** In the order of the conversation. */
  get utterances(): readonly Utterance[] {
    return this.#utterances;
  }

  get status(): AgentStatus {
    return this.#status;
  }

  get userSpeaking(): boolean {
    return this.#userSpeaking;
  }

  /** Takes the content of a room message of type 1; false when it is none of the known commands. */
  handle(content: string): boolean {
    const message = parse(content);
    if (!message) return false;
    switch (message.Cmd) {
      case 1:
        return this.#onSpeech(message);
      case 3:
        return this.#onUserText(message);
      case 4:
        return this.#onAgentText(message);
      case 6:
        return this.#onStatus(message);
      case 102:
        this.emit("metadata", message.Data);
        return true;
      default:
        return false;
    }
  }

  /** Puts a typed question among the subtitles; the room does not echo those. */
  addTyped(text: string): void {
    this.#utterances = [
      ...this.#utterances,
      { id: `typed-${this.#utterances.length}`, speaker: "user", round: -1, text, done: true },
    ];
    this.emit("change", undefined);
  }

  #onSpeech({ SeqId, Data }: Envelope): boolean {
    if (SeqId <= this.#speechSeq) return true;
    this.#speechSeq = SeqId;
    this.#userSpeaking = Data["SpeakStatus"] === 1;
    this.emit("change", undefined);
    return true;
  }

  #onUserText({ SeqId, Round, Data }: Envelope): boolean {
    const text = textOf(Data);
    if (text === undefined) return false;
    if (SeqId <= this.#userSeq) return true;
    this.#userSeq = SeqId;
    if (text.trim() || this.#find("user", Round, Data)) {
      this.#update("user", Round, Data, text.trim(), Data["EndFlag"] === true);
    }
    return true;
  }

  #onAgentText({ SeqId, Round, Data }: Envelope): boolean {
    const text = textOf(Data);
    if (text === undefined) return false;
    const id = utteranceId("agent", Round, Data);
    const pieces = this.#pieces.get(id) ?? [];
    if (pieces.some((piece) => piece.seq === SeqId)) return true;
    pieces.push({ seq: SeqId, text });
    pieces.sort((a, b) => a.seq - b.seq);
    this.#pieces.set(id, pieces);
    const joined = pieces.reduce((whole, piece) => join(whole, piece.text), "").trim();
    const done = Data["EndFlag"] === true || (this.#find("agent", Round, Data)?.done ?? false);
    if (joined || this.#find("agent", Round, Data)) this.#update("agent", Round, Data, joined, done);
    return true;
  }

  #onStatus({ SeqId, Data }: Envelope): boolean {
    const status = STATUSES[Number(Data["Status"])];
    if (!status) return false;
    if (SeqId <= this.#statusSeq) return true;
    this.#statusSeq = SeqId;
    this.#status = status;
    if (status === "idle" || status === "listening") {
      this.#utterances = this.#utterances.map((utterance) =>
        utterance.speaker === "agent" && !utterance.done ? { ...utterance, done: true } : utterance,
      );
    }
    this.emit("change", undefined);
    return true;
  }

  #find(speaker: Utterance["speaker"], round: number, data: Record<string, unknown>): Utterance | undefined {
    const id = utteranceId(speaker, round, data);
    return this.#utterances.find((utterance) => utterance.id === id);
  }

  #update(
    speaker: Utterance["speaker"],
    round: number,
    data: Record<string, unknown>,
    text: string,
    done: boolean,
  ): void {
    const id = utteranceId(speaker, round, data);
    const next: Utterance = { id, speaker, round, text, done };
    const list = [...this.#utterances];
    const known = list.findIndex((utterance) => utterance.id === id);
    if (known >= 0) {
      list[known] = next;
    } else {
      // The question stands in front of its answer, even when its message came later.
      const answer = speaker === "user" ? list.findIndex((u) => u.speaker === "agent" && u.round === round) : -1;
      list.splice(answer >= 0 ? answer : list.length, 0, next);
    }
    this.#utterances = list;
    this.emit("change", undefined);
  }
}

/** The user has one utterance a round; an agent may begin a second message within one. */
function utteranceId(speaker: Utterance["speaker"], round: number, data: Record<string, unknown>): string {
  return speaker === "user" ? `user-${round}` : `agent-${round}-${String(data["MessageId"] ?? "")}`;
}

/** Pieces are joined as they come; a sentence end in front of a Latin letter gets the blank that trimming took. */
function join(whole: string, piece: string): string {
  return /[.!?,;:]$/.test(whole) && /^[A-Za-z]/.test(piece) ? `${whole} ${piece}` : whole + piece;
}

function textOf(data: Record<string, unknown>): string | undefined {
  return typeof data["Text"] === "string" ? data["Text"] : undefined;
}

function parse(content: string): Envelope | undefined {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { SeqId, Round, Cmd, Data } = value as Record<string, unknown>;
  if (typeof Cmd !== "number" || typeof Data !== "object" || Data === null) return undefined;
  return {
    SeqId: Number(SeqId ?? 0),
    Round: Number(Round ?? 0),
    Cmd,
    Data: Data as Record<string, unknown>,
  };
}
