import { describe, expect, it } from "vitest";
import { Subtitles } from "../src/subtitles";

let seq = 0;
const message = (Cmd: number, Round: number, Data: object, SeqId = ++seq) =>
  JSON.stringify({ Timestamp: 1, TimestampMs: 1000, SeqId, Round, Cmd, Legacy: false, Data });
const user = (round: number, Text: string, EndFlag = false, seqId?: number) =>
  message(3, round, { MessageId: `u${round}`, UserId: "38597", Text, StartFlag: false, EndFlag }, seqId);
const agent = (round: number, Text: string, EndFlag = false, seqId?: number) =>
  message(4, round, { MessageId: `a${round}`, UserId: "agent", Text, StartFlag: false, EndFlag }, seqId);

function lines(subtitles: Subtitles): string[] {
  return subtitles.utterances.map(({ speaker, text, done }) => `${speaker}: ${text}${done ? "" : " …"}`);
}

describe("Subtitles", () => {
  it("shows the examples of the interface's documentation", () => {
    const subtitles = new Subtitles();
    for (const content of [
      '{"Timestamp":1765790413,"TimestampMs":1765790413102,"SeqId":558853066,"Round":790411001,"Cmd":1,"Legacy":false,"Data":{"SpeakStatus":1,"UserId":"38597"}}',
      '{"Timestamp":1765790414,"TimestampMs":1765790414021,"SeqId":558853290,"Round":790411001,"Cmd":3,"Legacy":false,"Data":{"MessageId":"1036791849","UserId":"38597","Text":"你好。","StartFlag":false,"EndFlag":true}}',
      '{"Timestamp":1765790414,"TimestampMs":1765790414022,"SeqId":558853069,"Round":0,"Cmd":6,"Legacy":false,"Data":{"OldStatus":1,"Status":2,"Reason":"llm_begin"}}',
      '{"Timestamp":1765790415,"TimestampMs":1765790415245,"SeqId":558855367,"Round":790411001,"Cmd":4,"Legacy":false,"Data":{"MessageId":"1037244923","UserId":"38597_xiaozhi_437354554567","Text":"你好呀！","StartFlag":true,"EndFlag":false}}',
    ]) {
      expect(subtitles.handle(content)).toBe(true);
    }
    expect(lines(subtitles)).toEqual(["user: 你好。", "agent: 你好呀！ …"]);
    expect(subtitles.status).toBe("thinking");
    expect(subtitles.userSpeaking).toBe(true);
  });

  it("replaces the user's text with the newest whole text", () => {
    const subtitles = new Subtitles();
    subtitles.handle(user(1, "What", false, 10));
    subtitles.handle(user(1, "What is the weather", false, 12));
    subtitles.handle(user(1, "What is", false, 11));
    expect(lines(subtitles)).toEqual(["user: What is the weather …"]);
    subtitles.handle(user(1, "What is the weather like?", true, 13));
    expect(lines(subtitles)).toEqual(["user: What is the weather like?"]);
  });

  it("joins the agent's pieces in the order of SeqId, each once", () => {
    const subtitles = new Subtitles();
    for (const [seqId, text, end] of [
      [30, " blue sky.", false],
      [20, "A", false],
      [25, " clear", false],
      [25, " clear", false],
      [40, "", true],
      [35, "Enjoy it!", false],
    ] as const) {
      subtitles.handle(agent(1, text, end, seqId));
    }
    expect(lines(subtitles)).toEqual(["agent: A clear blue sky. Enjoy it!"]);
  });

  it("does not tear numbers and Chinese apart", () => {
    const subtitles = new Subtitles();
    subtitles.handle(agent(1, "气温3.", false, 1));
    subtitles.handle(agent(1, "5度，", false, 2));
    subtitles.handle(agent(1, "晴。", true, 3));
    expect(lines(subtitles)).toEqual(["agent: 气温3.5度，晴。"]);
  });

  it("puts a question in front of its answer, whatever came first", () => {
    const subtitles = new Subtitles();
    subtitles.handle(agent(7, "Hello!", true, 5));
    subtitles.handle(user(7, "Hi", true, 4));
    expect(lines(subtitles)).toEqual(["user: Hi", "agent: Hello!"]);
  });

  it("ends an interrupted answer when the agent stops", () => {
    const subtitles = new Subtitles();
    subtitles.handle(agent(1, "I was going to", false, 5));
    subtitles.handle(message(6, 1, { OldStatus: 3, Status: 0, Reason: "interrupted" }, 6));
    expect(lines(subtitles)).toEqual(["agent: I was going to"]);
    expect(subtitles.status).toBe("idle");
  });

  it("ignores a status that was overtaken", () => {
    const subtitles = new Subtitles();
    subtitles.handle(message(6, 1, { OldStatus: 2, Status: 3, Reason: "" }, 9));
    subtitles.handle(message(6, 1, { OldStatus: 1, Status: 2, Reason: "" }, 8));
    expect(subtitles.status).toBe("speaking");
  });

  it("passes metadata on", () => {
    const subtitles = new Subtitles();
    const seen: unknown[] = [];
    subtitles.on("metadata", (data) => seen.push(data));
    subtitles.handle(message(102, 1, { action: "动作1" }));
    expect(seen).toEqual([{ action: "动作1" }]);
  });

  it("leaves alone what it does not know", () => {
    const subtitles = new Subtitles();
    for (const content of ["", "null", "[]", "{}", '{"Cmd":3,"Data":{}}', '{"Cmd":6,"Data":{"Status":9}}', '{"Cmd":77,"Data":{}}']) {
      expect(subtitles.handle(content)).toBe(false);
    }
    expect(lines(subtitles)).toEqual([]);
  });
});
