import { MienError } from "@mien/sdk";
import { describe, expect, it } from "vitest";
import { ApiError, UnreachableError } from "../src/api";
import { firstLang, WORDS } from "../src/i18n";
import { problemOf } from "../src/problems";

describe("problemOf", () => {
  it.each([
    [new UnreachableError(), false, "server-unreachable"],
    [new UnreachableError(), true, "connection-lost"],
    [new ApiError(410001025, "busy", ""), false, "server-busy"],
    [new ApiError(410001031, "limit", ""), false, "instance-limit"],
    [new MienError("microphone-denied", ""), false, "microphone-denied"],
    [new MienError("connection-lost", ""), false, "media-blocked"],
    [new MienError("connection-lost", "", 1006), false, "connection-lost"],
    [new MienError("connection-lost", ""), true, "connection-lost"],
    [new MienError("server-full", "", 503), false, "server-busy"],
    [new MienError("stream-missing", ""), false, "agent-silent"],
    [new TypeError("boom"), false, "other"],
  ] as const)("puts %s (in a call: %s) into words as %s", (error, inCall, kind) => {
    const found = problemOf(error, inCall);
    expect(found.kind).toBe(kind);
    expect(found.remedies.length).toBeGreaterThan(0);
  });

  it("keeps the server's own words and advice where it has none of its own", () => {
    expect(problemOf(new ApiError(410001012, "No such digital human.", "Choose another.")).detail).toBe(
      "No such digital human. Choose another.",
    );
  });
});

describe("the page's words", () => {
  it("have a title and an advice for every problem, in both languages", () => {
    for (const { problems } of Object.values(WORDS)) {
      for (const { title, text } of Object.values(problems)) {
        expect(title).not.toBe("");
        expect(text).not.toBe("");
      }
    }
  });

  it("begin in the language asked for, chosen last, or of the browser", () => {
    expect(firstLang(new URLSearchParams("lang=zh"), "en", ["en-GB"])).toBe("zh");
    expect(firstLang(new URLSearchParams(""), "en", ["zh-CN"])).toBe("en");
    expect(firstLang(new URLSearchParams(""), null, ["fr", "zh-TW"])).toBe("zh");
    expect(firstLang(new URLSearchParams(""), null, ["fr"])).toBe("en");
  });
});
