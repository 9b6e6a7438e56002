/** The page's words, in both languages. */
import type { Lang } from "./api";
import type { ProblemKind, Remedy } from "./problems";

export interface Words {
  htmlLang: string;
  tagline: string;
  intro: string;
  language: string;
  languageNames: Record<Lang, string>;
  choose: string;
  call: string;
  callNamed: (name: string) => string;
  cancel: string;
  warming: string;
  warmingHint: string;
  steps: Record<"microphone" | "joining" | "waking" | "face", string>;
  status: Record<"idle" | "listening" | "thinking" | "speaking" | "reconnecting" | "hearing" | "muted", string>;
  mute: string;
  unmute: string;
  hangUp: string;
  keyboard: string;
  send: string;
  placeholder: string;
  askFailed: string;
  you: string;
  transcript: string;
  transcriptEmpty: string;
  tapForSound: string;
  duration: string;
  ended: (time: string) => string;
  remedies: Record<Remedy, string>;
  problems: Record<ProblemKind, { title: string; text: string }>;
}

const en: Words = {
  htmlLang: "en",
  tagline: "A face that answers",
  intro: "Talk as you would with a person. You can interrupt at any time.",
  language: "Language of the call",
  languageNames: { zh: "中文", en: "English" },
  choose: "Who would you like to talk to?",
  call: "Call",
  callNamed: (name) => `Call ${name}`,
  cancel: "Cancel",
  warming: "Waking up…",
  warmingHint: "The server has just started and is loading its models. The call begins by itself as soon as it is ready.",
  steps: {
    microphone: "Waiting for your microphone…",
    joining: "Connecting…",
    waking: "Calling…",
    face: "Getting ready…",
  },
  status: {
    idle: "Your turn",
    listening: "Listening",
    thinking: "Thinking",
    speaking: "Speaking",
    reconnecting: "Reconnecting…",
    hearing: "Listening to you",
    muted: "You are muted",
  },
  mute: "Mute",
  unmute: "Unmute",
  hangUp: "Hang up",
  keyboard: "Type",
  send: "Send",
  placeholder: "Or type a message",
  askFailed: "That message did not arrive. Try again.",
  you: "You",
  transcript: "Conversation",
  transcriptEmpty: "Say something — what you both say appears here.",
  tapForSound: "Tap to turn the sound on",
  duration: "Duration of the call",
  ended: (time) => `Call ended · ${time}`,
  remedies: { retry: "Try again", type: "Type instead", reload: "Reload the page", dismiss: "Close" },
  problems: {
    "microphone-denied": {
      title: "The microphone is blocked",
      text: "Allow the microphone for this page: click the icon at the left of the address bar, switch “Microphone” on, then try again. You can also type instead of speaking.",
    },
    "microphone-missing": {
      title: "No microphone found",
      text: "Connect a microphone or headset, then try again. You can also type instead of speaking.",
    },
    "microphone-busy": {
      title: "The microphone cannot be opened",
      text: "Another program may be using it. Close that program, then try again. You can also type instead of speaking.",
    },
    "insecure-context": {
      title: "This address cannot use the microphone",
      text: "Browsers give the microphone only to pages from https:// or from localhost. Open this page with one of them, or type instead of speaking.",
    },
    "server-unreachable": {
      title: "The server cannot be reached",
      text: "Check that it is running and that you are connected to its network, then try again.",
    },
    "server-busy": {
      title: "The server is busy",
      text: "It has no room for another call right now. Try again in a moment.",
    },
    "instance-limit": {
      title: "All lines are taken",
      text: "As many calls are running as this server allows. Try again when one has ended.",
    },
    "login-refused": {
      title: "The server refused the call",
      text: "Your permission for this call is no longer valid. Reload the page to get a new one.",
    },
    kicked: {
      title: "The call moved elsewhere",
      text: "This call was opened in another window or on another device. You can call again from here.",
    },
    "connection-lost": {
      title: "The connection was lost",
      text: "The server could not be reached again within half a minute. Check your network, then call again.",
    },
    "media-blocked": {
      title: "Sound and picture cannot get through",
      text: "The page works, but the media connection does not. A firewall or VPN may block UDP; try another network, or ask the operator for a TURN server.",
    },
    "agent-silent": {
      title: "Nobody answered",
      text: "The digital human did not join the call. Try again; if it stays like this, the server's log says why.",
    },
    "agent-left": {
      title: "The call was ended by the server",
      text: "The digital human has left, for example after a long silence. You can call again.",
    },
    "no-digital-human": {
      title: "No digital human yet",
      text: "Make one on the server with “mien avatar create PICTURE”, then reload this page.",
    },
    other: { title: "The call did not work", text: "The server reported a problem:" },
  },
};

const zh: Words = {
  htmlLang: "zh-CN",
  tagline: "看得见的回答",
  intro: "像和真人一样说话，随时可以打断。",
  language: "通话语言",
  languageNames: { zh: "中文", en: "English" },
  choose: "想和谁聊聊？",
  call: "开始通话",
  callNamed: (name) => `呼叫${/^[A-Za-z]/.test(name) ? " " : ""}${name}`,
  cancel: "取消",
  warming: "正在唤醒…",
  warmingHint: "服务器刚刚启动，正在加载模型。准备好后通话会自动开始。",
  steps: {
    microphone: "正在等待麦克风…",
    joining: "正在连接…",
    waking: "正在呼叫…",
    face: "马上就好…",
  },
  status: {
    idle: "请说话",
    listening: "正在听",
    thinking: "正在思考",
    speaking: "正在说",
    reconnecting: "正在重新连接…",
    hearing: "正在听您说",
    muted: "您已静音",
  },
  mute: "静音",
  unmute: "取消静音",
  hangUp: "挂断",
  keyboard: "打字",
  send: "发送",
  placeholder: "也可以打字提问",
  askFailed: "消息没有送达，请再试一次。",
  you: "您",
  transcript: "对话",
  transcriptEmpty: "说点什么吧，双方的话会显示在这里。",
  tapForSound: "点一下打开声音",
  duration: "通话时长",
  ended: (time) => `通话结束 · ${time}`,
  remedies: { retry: "再试一次", type: "改用打字", reload: "刷新页面", dismiss: "关闭" },
  problems: {
    "microphone-denied": {
      title: "麦克风被禁用了",
      text: "请允许本页使用麦克风：点击地址栏左侧的图标，打开“麦克风”，然后再试一次。也可以改用打字。",
    },
    "microphone-missing": {
      title: "没有找到麦克风",
      text: "请连接麦克风或耳机，然后再试一次。也可以改用打字。",
    },
    "microphone-busy": {
      title: "麦克风打不开",
      text: "可能有其他程序正在使用它。请关闭那个程序，然后再试一次。也可以改用打字。",
    },
    "insecure-context": {
      title: "这个地址不能使用麦克风",
      text: "浏览器只允许 https:// 或 localhost 的页面使用麦克风。请换用这样的地址打开本页，或者改用打字。",
    },
    "server-unreachable": {
      title: "连不上服务器",
      text: "请确认服务器正在运行、您与它在同一网络中，然后再试一次。",
    },
    "server-busy": {
      title: "服务器正忙",
      text: "现在没有余力接受新的通话，请稍后再试。",
    },
    "instance-limit": {
      title: "线路已满",
      text: "同时进行的通话已达到这台服务器的上限，请等其中一个结束后再试。",
    },
    "login-refused": {
      title: "服务器拒绝了这次通话",
      text: "这次通话的许可已经失效，请刷新页面重新获取。",
    },
    kicked: {
      title: "通话已转到别处",
      text: "这个通话在另一个窗口或设备上打开了。您可以在这里重新呼叫。",
    },
    "connection-lost": {
      title: "连接断开了",
      text: "半分钟内没能重新连上服务器。请检查网络，然后重新呼叫。",
    },
    "media-blocked": {
      title: "声音和画面传不过来",
      text: "页面正常，但媒体连接没有建立。可能是防火墙或 VPN 挡住了 UDP；请换个网络，或请管理员配置 TURN 服务器。",
    },
    "agent-silent": {
      title: "没有人接听",
      text: "数字人没有加入通话。请再试一次；如果还是这样，原因在服务器日志里。",
    },
    "agent-left": {
      title: "服务器结束了通话",
      text: "数字人已经离开，例如因为太久没有人说话。您可以重新呼叫。",
    },
    "no-digital-human": {
      title: "还没有数字人",
      text: "请在服务器上运行“mien avatar create 图片”创建一个，然后刷新本页。",
    },
    other: { title: "通话没有成功", text: "服务器报告了一个问题：" },
  },
};

export const WORDS: Record<Lang, Words> = { zh, en };

/** The language to begin with: `?lang=`, the last choice, or the browser's. */
export function firstLang(query: URLSearchParams, stored: string | null, browser: readonly string[]): Lang {
  for (const wish of [query.get("lang"), stored, ...browser]) {
    if (wish?.toLowerCase().startsWith("zh")) return "zh";
    if (wish?.toLowerCase().startsWith("en")) return "en";
  }
  return "en";
}
