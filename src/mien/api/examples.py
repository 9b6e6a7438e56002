"""One request and its answer for each action, as the manual and the OpenAPI document show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mien.api.products import AGENTS
from mien.api.schemas.base import JsonObject


@dataclass(frozen=True, slots=True)
class Example:
    """A body, and the Data that answers it; None where there is none."""

    body: JsonObject
    data: JsonObject | None = None


_INSTANCE: Final = {"AgentInstanceId": "1882580953051693057"}
_CREATED: Final = _INSTANCE | {"RequestId": AGENTS.example_id}
_ROUND: Final[JsonObject] = {"Round": 510359001}
_HUMAN_ID: Final = "6f1d7c52-3b0e-4a9b-9c64-2d5e8a71f0b3"
_HUMAN: Final = {"DigitalHumanId": _HUMAN_ID}
_OWN: Final = {"DigitalHumanId": "0d3538a4-9e8e-4155-b1fb-c7defb8eeef8"}
_TASK: Final = {"TaskId": "6a5898fa-3e1d-4a6f-b949-05f39f1c10cb"}
_DRIVE: Final = {"DriveId": "d5cfd6e5-5ed7-4030-8cb0-a026cef36f9c"}
_STREAM: Final = {"RoomId": "room_1", "StreamId": "face_1"}
_RTC: Final = {"RoomId": "room_1", "AgentStreamId": "agent_stream_1", "AgentUserId": "agent_1"}
_CALL: Final = {"AgentId": "guide", "UserId": "user_1", "RTC": _RTC | {"UserStreamId": "user_stream_1"}}
_AGENT: Final[JsonObject] = {
    "AgentId": "guide",
    "Name": "Guide",
    "LLM": {
        "Url": "https://llm.example.com/v1/chat/completions",
        "ApiKey": "sk-…",
        "Model": "small",
        "SystemPrompt": "You are a museum guide. Be brief.",
    },
    "TTS": {"Vendor": "Local", "Params": {}},
    "ASR": {"Vendor": "Local", "Params": {"language": "en"}},
}
_MIA: Final[JsonObject] = _HUMAN | {
    "Name": "Mia",
    "AvatarUrl": f"https://mien.example.com/avatars/{_HUMAN_ID}/preview.jpg",
    "IsPublic": True,
    "Actions": [{"Action": "nod", "PreviewUrl": ""}, {"Action": "greet", "PreviewUrl": ""}],
}
_PICTURE: Final = f"https://mien.example.com/avatars/{_OWN['DigitalHumanId']}/preview.jpg"
_PACKAGE: Final = f"https://mien.example.com/avatars/{_OWN['DigitalHumanId']}/97727c1662c6cb76.zip"
_CONFIG: Final = (
    "eyJEaWdpdGFsSHVtYW5JZCI6IjZmMWQ3YzUyLTNiMGUtNGE5Yi05YzY0LTJkNWU4YTcxZjBiMyIsIlN0cmVhbXMiOlt7IlJvb21JZCI6InJvb21f"
    "MSIsIlN0cmVhbUlkIjoiYWdlbnRfc3RyZWFtXzEiLCJFbmNvZGVDb2RlIjoiSDI2NCIsIkNvbmZpZ0lkIjoid2ViIn1dfQ=="
)

EXAMPLES: Final[dict[str, Example]] = {
    "RegisterAgent": Example(_AGENT),
    "UpdateAgent": Example({"AgentId": "guide", "LLM": {"Vendor": "Local", "SystemPrompt": "Answer in one sentence."}}),
    "UnregisterAgent": Example({"AgentId": "guide"}),
    "ListAgents": Example({"Limit": 5, "Cursor": ""}, {"Total": 1, "Agents": [_AGENT], "Cursor": ""}),
    "QueryAgents": Example({"AgentIds": ["guide", "nobody"]}, {"Agents": [_AGENT]}),
    "CreateAgentInstance": Example(
        _CALL
        | {
            "MessageHistory": {"SyncMode": 1, "Messages": [{"Role": "user", "Content": "I am Ana."}], "WindowSize": 10},
            "CallbackConfig": {"ASRResult": 1, "LLMResult": 1},
        },
        _CREATED,
    ),
    "CreateDigitalHumanAgentInstance": Example(
        _CALL
        | {
            "DigitalHuman": _HUMAN | {"ConfigId": "web"},
            "AdvancedConfig": {"MaxIdleTime": 60},
            "Mien": {"Welcome": {"Text": "Hello! What would you like to see?"}, "Language": "en"},
        },
        _CREATED | {"DigitalHumanConfig": _CONFIG},
    ),
    "CreateLiveDigitalHumanAgentInstance": Example(
        {"AgentId": "guide", "DigitalHuman": _HUMAN | {"ConfigId": "web"}, "RTC": _RTC},
        _CREATED | {"DigitalHumanConfig": _CONFIG},
    ),
    "UpdateAgentInstance": Example(_INSTANCE | {"LLM": {"Vendor": "Local", "SystemPrompt": "Speak to a child."}}),
    "DeleteAgentInstance": Example(_INSTANCE | {"GracefulShutdown": True, "GracefulShutdownTimeout": 10}),
    "SendAgentInstanceTTS": Example(_INSTANCE | {"Text": "We close in ten minutes.", "Priority": "High"}, _ROUND),
    "SendAgentInstanceLLM": Example(_INSTANCE | {"Text": "Ask the visitor what they liked best."}, _ROUND),
    "InterruptAgentInstance": Example(_INSTANCE, _ROUND),
    "QueryAgentInstanceStatus": Example(_INSTANCE, {"Status": "SPEAKING"}),
    "GetAgentInstanceMsgList": Example(
        _INSTANCE,
        {
            "Total": 2,
            "MessageList": [
                {"Role": "user", "Content": "Where is the café?"},
                {"Role": "assistant", "Content": "On the ground floor."},
            ],
        },
    ),
    "ResetAgentInstanceMsgList": Example(_INSTANCE),
    "AddAgentInstanceMsg": Example(_INSTANCE | {"Messages": [{"Role": "user", "Content": "I use a wheelchair."}]}),
    "StartListening": Example(_INSTANCE | {"UserId": "user_1", "Sequence": 1}, _ROUND),
    "StopListening": Example(_INSTANCE | {"UserId": "user_1", "Sequence": 2}, _ROUND),
    "MienListRounds": Example(
        _INSTANCE,
        {
            "Rounds": [
                {
                    "round": 510359001,
                    "origin": "user",
                    "turn_end": 320,
                    "end_of_speech_to_text": 240,
                    "llm_first_token": 410,
                    "first_clause": 470,
                    "tts_first_audio": 600,
                    "drive": 35,
                    "total": 690,
                    "text": "Where is the café?",
                    "answer": "On the ground floor.",
                    "interrupted": False,
                }
            ]
        },
    ),
    "GetDigitalHumanList": Example({"FetchMode": 1, "Offset": 0, "Limit": 20}, {"Total": 1, "DigitalHumans": [_MIA]}),
    "GetDigitalHumanInfo": Example(_HUMAN, _MIA),
    "GetDigitalHumanRenderInfo": Example(
        _HUMAN, {"ClientInferencePackageUrl": _PACKAGE, "IsSupportSmallImageMode": True}
    ),
    "GetTimbreList": Example(
        _HUMAN,
        {
            "Total": 1,
            "Timbres": [{"TimbreId": "af_heart", "Name": "Heart (American English, female)", "AvatarUrl": ""}],
        },
    ),
    "CreateDigitalHumanStreamTask": Example(
        {
            "DigitalHumanConfig": _HUMAN | {"BackgroundColor": "#00ff00"},
            "RTCConfig": _STREAM,
            "TTL": 3600,
            "MaxIdleTime": 600,
        },
        _TASK,
    ),
    "StopDigitalHumanStreamTask": Example(_TASK),
    "GetDigitalHumanStreamTaskStatus": Example(
        _TASK, _STREAM | {"Status": 3, "FailReason": "", "CreateTime": 1764140000}
    ),
    "QueryDigitalHumanStreamTasks": Example(
        {}, {"TaskList": [_TASK | _STREAM | {"Status": 3, "CreateTime": 1764140000}]}
    ),
    "DriveByText": Example(
        _TASK | {"Text": "Good evening.", "InterruptMode": 0, "TTSConfig": {"TimbreId": "af_heart", "SpeechRate": 50}},
        _DRIVE,
    ),
    "DriveByAudio": Example(_TASK | {"AudioUrl": "https://files.example.com/speech.mp3"}, _DRIVE),
    "DriveByRTCStream": Example(_TASK | {"RTCConfig": {"RoomId": "room_1", "StreamId": "presenter"}}, _DRIVE),
    "DriveByWsStream": Example(_TASK, _DRIVE | {"WssAddress": "wss://mien.example.com/ws?Token=O01Xz6ZNUmPGpGWyvqLZ"}),
    "InterruptDriveTask": Example(_TASK),
    "DoAction": Example(_TASK | {"Action": "nod"}),
    "GetDriveStatus": Example(_TASK, {"DriveList": [_DRIVE | {"Status": 4}]}),
    "MienCreateDigitalHuman": Example(
        {"Picture": "@me.jpg", "Name": "Ming", "Voices": {"zh": "zf_xiaoxiao", "en": "af_heart"}},
        _OWN | {"AvatarUrl": _PICTURE, "Warnings": []},
    ),
    "MienUpdateDigitalHuman": Example(_OWN | {"Name": "Ming", "Voices": {"en": "af_bella"}}),
    "MienDeleteDigitalHuman": Example(_OWN),
    "MienGetDigitalHumanPoints": Example(
        _OWN,
        _OWN
        | {
            "ClientInferencePackageUrl": _PACKAGE,
            "Editable": True,
            "Style": "photo",
            "Canvas": {"Width": 1080, "Height": 1920},
            "Range": {"Left": -108, "Top": -192, "Right": 1188, "Bottom": 2112},
            "Groups": [{"Name": "lips_upper_outer", "Points": [61, 185, 40]}],
            "Points": [{"Id": 61, "X": 436.5, "Y": 779}],
            "Irises": [{"Side": "r", "X": 401, "Y": 612, "Radius": 19.5}],
            "MouthLine": None,
        },
    ),
    "MienEditDigitalHuman": Example(
        _OWN | {"Points": [{"Id": 61, "X": 432.5, "Y": 781}], "Follow": True},
        _OWN | {"AvatarUrl": _PICTURE, "ClientInferencePackageUrl": _PACKAGE, "Warnings": []},
    ),
}
