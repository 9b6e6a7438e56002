/** Asks the agent something in writing: a room message of type 20, answered by one of type 22. */
import { MienError, type MienRoom } from "@mien/sdk";

const ANSWER_MS = 5_000;
let count = 0;

/** Resolves when the agent has taken the question; throws `request-failed` with its reason otherwise. */
export async function askAgent(room: MienRoom, agentUserId: string, userId: string, text: string): Promise<void> {
  const seq = `${userId}:page:${++count}`;
  const content = JSON.stringify({
    Action: "SendAgentInstanceLLM",
    Seq: seq,
    Params: {
      Text: text,
      SystemPrompt: "",
      AddQuestionToHistory: true,
      AddAnswerToHistory: true,
      Priority: "Medium",
      SamePriorityOption: "ClearAndInterrupt",
    },
  });
  let stop: () => void = () => undefined;
  const answered = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new MienError("request-failed", "The agent did not answer.")), ANSWER_MS);
    const forget = room.on("message", ({ msg_type, content: answer }) => {
      const response = msg_type === 22 ? parseResponse(answer) : undefined;
      if (response?.Seq !== seq) return;
      if (response.Code === 0) resolve();
      else reject(new MienError("request-failed", response.Message, response.Code));
    });
    stop = () => {
      clearTimeout(timer);
      forget();
    };
  });
  try {
    await Promise.all([answered, room.sendMessage(content, { type: 20, to: [agentUserId] })]);
  } finally {
    stop();
  }
}

function parseResponse(content: string): { Seq: string; Code: number; Message: string } | undefined {
  try {
    const { Seq, Code, Message } = JSON.parse(content) as Record<string, unknown>;
    return { Seq: String(Seq), Code: Number(Code), Message: String(Message ?? "") };
  } catch {
    return undefined;
  }
}
