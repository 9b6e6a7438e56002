/** The page's own routes on the server: `/api/demo/*`. */

export type Lang = "zh" | "en";
export type ConfigId = "mobile" | "web";

export interface DigitalHuman {
  id: string;
  name: Record<Lang, string>;
  preview_url: string;
}

export interface Options {
  languages: Lang[];
  digital_humans: DigitalHuman[];
  app_id: number;
}

export interface Session {
  app_id: number;
  user_id: string;
  room_id: string;
  user_stream_id: string;
  token: string;
  ws_path: string;
}

export interface Started {
  agent_instance_id: string;
  agent_stream_id: string;
  agent_user_id: string;
}

/** The server said no; `code` is a return code of the control API, or an HTTP status. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly code: number,
    message: string,
    readonly advice: string,
  ) {
    super(message);
  }
}

/** Nothing answered. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

export function getOptions(lang: Lang): Promise<Options> {
  return request<Options>("GET", `/api/demo/options?lang=${lang}`);
}

export function createSession(lang: Lang): Promise<Session> {
  return request<Session>("POST", "/api/demo/session", { lang });
}

export function startAgent(
  session: Session,
  digitalHumanId: string,
  configId: ConfigId,
  lang: Lang,
): Promise<Started> {
  return request<Started>("POST", "/api/demo/start", {
    room_id: session.room_id,
    user_id: session.user_id,
    user_stream_id: session.user_stream_id,
    digital_human_id: digitalHumanId,
    config_id: configId,
    lang,
  });
}

/** Ends an instance; survives the page being closed. */
export async function stopAgent(instanceId: string): Promise<void> {
  await request("POST", "/api/demo/stop", { agent_instance_id: instanceId }, true);
}

/** Whether the models are warm. Servers without the probe count as ready. */
export async function isReady(): Promise<boolean> {
  try {
    const { status } = await fetch("/readyz", { cache: "no-store" });
    return status !== 503;
  } catch {
    throw new UnreachableError();
  }
}

async function request<T>(method: string, path: string, body?: object, keepalive = false): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      keepalive,
      cache: "no-store",
      ...(body ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
    });
  } catch {
    throw new UnreachableError();
  }
  let answer: unknown;
  try {
    answer = await response.json();
  } catch {
    // A proxy's page, or nothing: the status says what there is to say.
  }
  const fields = (typeof answer === "object" && answer !== null ? answer : {}) as Record<string, unknown>;
  const code = Number(fields["code"] ?? 0);
  if (!response.ok || code !== 0) {
    throw new ApiError(code || response.status, String(fields["message"] ?? response.statusText), String(fields["advice"] ?? ""));
  }
  return answer as T;
}
