/** Everything that can keep a call from happening, as one of a few situations the page has words for. */
import { MienError } from "@mien/sdk";
import { ApiError, UnreachableError } from "./api";

export type ProblemKind =
  | "microphone-denied"
  | "microphone-missing"
  | "microphone-busy"
  | "insecure-context"
  | "server-unreachable"
  | "server-busy"
  | "instance-limit"
  | "login-refused"
  | "kicked"
  | "connection-lost"
  | "media-blocked"
  | "agent-silent"
  | "agent-left"
  | "no-digital-human"
  | "other";

/** What the user can do about it. */
export type Remedy = "retry" | "type" | "reload" | "dismiss";

export interface Problem {
  kind: ProblemKind;
  /** The server's own words, shown under ours. */
  detail: string;
  remedies: Remedy[];
}

/** Return codes of the control API. */
const NO_CAPACITY = 410001025;
const INSTANCE_LIMIT = 410001031;
const VOICE_LIMIT = 410001030;

const REMEDIES: Record<ProblemKind, Remedy[]> = {
  "microphone-denied": ["retry", "type"],
  "microphone-missing": ["retry", "type"],
  "microphone-busy": ["retry", "type"],
  "insecure-context": ["type", "dismiss"],
  "server-unreachable": ["retry", "dismiss"],
  "server-busy": ["retry", "dismiss"],
  "instance-limit": ["retry", "dismiss"],
  "login-refused": ["reload"],
  kicked: ["retry", "dismiss"],
  "connection-lost": ["retry", "dismiss"],
  "media-blocked": ["retry", "dismiss"],
  "agent-silent": ["retry", "dismiss"],
  "agent-left": ["retry", "dismiss"],
  "no-digital-human": ["reload"],
  other: ["retry", "dismiss"],
};

export function problem(kind: ProblemKind, detail = ""): Problem {
  return { kind, detail, remedies: REMEDIES[kind] };
}

/** Any thrown value as a `Problem`; `inCall`: a connection that worked has broken. */
export function problemOf(error: unknown, inCall = false): Problem {
  if (error instanceof UnreachableError) return problem(inCall ? "connection-lost" : "server-unreachable");
  if (error instanceof ApiError) return apiProblem(error);
  if (error instanceof MienError) return sdkProblem(error, inCall);
  return problem("other", error instanceof Error ? error.message : String(error));
}

function apiProblem({ code, message, advice }: ApiError): Problem {
  const detail = [message, advice].filter(Boolean).join(" ");
  switch (code) {
    case NO_CAPACITY:
    case 503:
      return problem("server-busy");
    case INSTANCE_LIMIT:
    case VOICE_LIMIT:
      return problem("instance-limit");
    default:
      return problem("other", detail);
  }
}

function sdkProblem({ code, message, detail }: MienError, inCall: boolean): Problem {
  switch (code) {
    case "microphone-denied":
    case "microphone-missing":
    case "microphone-busy":
    case "insecure-context":
    case "kicked":
      return problem(code);
    case "login-refused":
      return problem("login-refused", message);
    case "stream-missing":
      return problem("agent-silent");
    case "server-full":
      return problem("server-busy");
    case "connection-lost":
      // Without a close code or status it was the media path that never opened.
      return inCall ? problem("connection-lost") : problem(detail === undefined ? "media-blocked" : "connection-lost");
    default:
      return problem("other", message);
  }
}
