/**
 * What can go wrong in a call, as something a page can put into words.
 *
 * `code` is for programs (a page translates it), `message` is plain English for people who read logs.
 */
export type MienErrorCode =
  | "insecure-context"
  | "microphone-denied"
  | "microphone-missing"
  | "microphone-busy"
  | "login-refused"
  | "kicked"
  | "connection-lost"
  | "stream-taken"
  | "stream-missing"
  | "server-full"
  | "request-failed"
  | "unsupported"
  | "package-unreadable"
  | "webgl-unavailable";

export class MienError extends Error {
  override readonly name = "MienError";

  constructor(
    readonly code: MienErrorCode,
    message: string,
    /** The server's return code or HTTP status, where there is one. */
    readonly detail?: number,
  ) {
    super(message);
  }
}

/** Any thrown value as a `MienError`; what was not one becomes `fallback`. */
export function asMienError(error: unknown, fallback: MienErrorCode): MienError {
  if (error instanceof MienError) return error;
  return new MienError(fallback, error instanceof Error ? error.message : String(error));
}
