"""Return codes of the control API: what they mean, and what a caller can do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ReturnCode(IntEnum):
    """`Code` of the response envelope. 1000… come from the gateway, 4100… from an action on agents, 4000… from one on
    digital humans that are driven from outside."""

    SUCCESS = 0

    HOST = 100000000
    APP_ID_FORMAT = 100000001
    TIMESTAMP_EMPTY = 100000002
    TIMESTAMP_FORMAT = 100000003
    SIGNATURE_EXPIRED = 100000004
    SIGNATURE = 100000005
    ACTION_EMPTY = 100000006
    ACTION_UNSUPPORTED = 100000007
    NONCE_EMPTY = 100000008
    SIGNATURE_EMPTY = 100000009
    SERVER_SECRET = 100000010
    APP_CONFIGURATION = 100000011
    BODY = 100000012
    VERSION_EMPTY = 100000013
    VERSION_UNSUPPORTED = 100000014
    GATEWAY = 100000015

    STREAM_PARAMETER = 400000001
    STREAM_SERVICE = 400000002
    STREAM_HUMAN_NOT_FOUND = 400000003
    STREAM_TIMBRE_NOT_FOUND = 400000004
    STREAM_TASK_NOT_FOUND = 400000005
    STREAM_NOT_STARTED = 400000006
    STREAM_STOPPED = 400000007
    STREAM_LIMIT = 400000008
    STREAM_TIMBRE_UNSUPPORTED = 400000009
    STREAM_CONFIGURATION = 400000010
    STREAM_EXISTS = 400000015
    STREAM_MODEL_VERSION = 400000016
    STREAM_SYSTEM = 400010000
    STREAM_PERMISSION = 400010001
    STREAM_BUSY = 400010002
    STREAM_RESOURCES = 400010007
    STREAM_TOO_FREQUENT = 400010009

    SYSTEM = 410000001
    INVALID_PARAMETER = 410000003
    JSON = 410000004
    INTERNAL_CALL = 410000009
    RESOURCES = 410000010
    VOICE_LIMIT = 410000011
    DIGITAL_HUMAN_PARAMETER = 410000014
    INSTANCE_NOT_FOUND = 410001002
    CREATE_FAILED = 410001003
    MODIFY_FAILED = 410001004
    DELETE_FAILED = 410001005
    LLM_CALL_FAILED = 410001006
    TTS_CALL_FAILED = 410001007
    AGENT_EXISTS = 410001008
    AGENT_NOT_FOUND = 410001009
    HISTORY_FAILED = 410001010
    UPDATE_FAILED = 410001011
    USER_SPEAKING = 410001013
    USER_ABSENT = 410001016
    CONTEXT_FAILED = 410001022
    RESET_FAILED = 410001023
    INTERRUPT_FAILED = 410001024
    DIGITAL_HUMAN_RESOURCES = 410001025
    CONFIG_ID = 410001026
    DIGITAL_HUMAN_ID = 410001027
    CREATE_DIGITAL_HUMAN_FAILED = 410001028
    TOO_FREQUENT = 410001029
    STREAM_ID_DUPLICATE = 410001030
    DIGITAL_HUMAN_LIMIT = 410001031
    DIGITAL_HUMAN_SYSTEM = 410001032
    SHUTTING_DOWN = 410001041
    NOT_WALKIE_TALKIE = 410001042
    SEQUENCE_OUTDATED = 410001043
    START_LISTENING_FAILED = 410001044
    STOP_LISTENING_FAILED = 410001045
    USER_NOT_PUBLISHING = 410001046
    TRIAL_URL = 410001047
    FOREIGN_DIGITAL_HUMAN = 410001048
    LIVE_INSTANCE = 410001049


@dataclass(frozen=True, slots=True)
class Words:
    """What a code means and what the caller can do."""

    meaning: str
    advice: str


_C = ReturnCode
WORDS: dict[ReturnCode, Words] = {
    _C.SUCCESS: Words("success", ""),
    _C.HOST: Words("the Host header is wrong", "call the address this server is published at"),
    _C.APP_ID_FORMAT: Words("AppId is wrong", "send AppId as a decimal number from 1 to 4294967295"),
    _C.TIMESTAMP_EMPTY: Words("Timestamp is empty", "send the unix time in seconds"),
    _C.TIMESTAMP_FORMAT: Words("Timestamp is wrong", "send the unix time in seconds, digits only"),
    _C.SIGNATURE_EXPIRED: Words(
        "the signature expired", "sign anew, and set the caller's clock: 10 minutes may differ"
    ),
    _C.SIGNATURE: Words(
        "the signature is wrong", "use lower-case hex of md5(AppId + SignatureNonce + ServerSecret + Timestamp)"
    ),
    _C.ACTION_EMPTY: Words("Action is empty", "name the operation in the query parameter Action"),
    _C.ACTION_UNSUPPORTED: Words("Action is not supported", "see /docs for those that are"),
    _C.NONCE_EMPTY: Words("SignatureNonce is empty", "send a random text"),
    _C.SIGNATURE_EMPTY: Words("Signature is empty", "sign the request"),
    _C.SERVER_SECRET: Words("there is no app with this AppId", "`mien app list` shows the apps of this server"),
    _C.APP_CONFIGURATION: Words("the app's configuration cannot be read", "look at the server's log"),
    _C.BODY: Words("the request body cannot be read", "send at most 1 MiB of JSON, and pictures of at most 30 MiB"),
    _C.VERSION_EMPTY: Words("SignatureVersion is empty", "send 2.0"),
    _C.VERSION_UNSUPPORTED: Words("SignatureVersion is not supported", "send 2.0"),
    _C.GATEWAY: Words("the gateway failed", "try again; the server's log says why"),
    _C.STREAM_PARAMETER: Words("a parameter is invalid", "the message names it and what was expected"),
    _C.STREAM_SERVICE: Words("the service is not enabled", "use another server"),
    _C.STREAM_HUMAN_NOT_FOUND: Words("the digital human does not exist", "GetDigitalHumanList gives those there are"),
    _C.STREAM_TIMBRE_NOT_FOUND: Words("the timbre does not exist", "GetTimbreList gives those there are"),
    _C.STREAM_TASK_NOT_FOUND: Words(
        "the task does not exist", "QueryDigitalHumanStreamTasks gives those that run; ended ones are kept for an hour"
    ),
    _C.STREAM_NOT_STARTED: Words("the task is not streaming", "wait until GetDigitalHumanStreamTaskStatus gives 3"),
    _C.STREAM_STOPPED: Words("the task has stopped", "create another with CreateDigitalHumanStreamTask"),
    _C.STREAM_LIMIT: Words(
        "this app runs as many digital humans as it may", "stop one, or raise MIEN_MAX_DIGITAL_HUMAN_INSTANCES"
    ),
    _C.STREAM_TIMBRE_UNSUPPORTED: Words("the timbre is not supported", "GetTimbreList gives those that are"),
    _C.STREAM_CONFIGURATION: Words("the configuration is wrong", "the server's log says why"),
    _C.STREAM_EXISTS: Words("the StreamId is already in use", "choose a StreamId of its own"),
    _C.STREAM_MODEL_VERSION: Words("the digital human is of another version", "create it again"),
    _C.STREAM_SYSTEM: Words("system error", "try again; the server's log says why"),
    _C.STREAM_PERMISSION: Words("no permission", "use what belongs to this app"),
    _C.STREAM_BUSY: Words("too much waits already", "let some of it end, or interrupt it"),
    _C.STREAM_RESOURCES: Words(
        "this machine has no headroom for another digital human", "stop one, or use a bigger machine"
    ),
    _C.STREAM_TOO_FREQUENT: Words("too many requests", "spread them out, or raise MIEN_RATE_LIMIT"),
    _C.SYSTEM: Words("system error", "try again; the server's log says why"),
    _C.INVALID_PARAMETER: Words("a parameter is invalid", "the message names it and what was expected"),
    _C.JSON: Words("the body is not JSON", "send a JSON object in UTF-8"),
    _C.INTERNAL_CALL: Words("an internal call failed", "try again; the server's log says why"),
    _C.RESOURCES: Words(
        "this machine has no headroom for another instance", "end an instance, or use a bigger machine"
    ),
    _C.VOICE_LIMIT: Words(
        "this app runs as many voice instances as it may", "delete one, or raise MIEN_MAX_VOICE_INSTANCES"
    ),
    _C.DIGITAL_HUMAN_PARAMETER: Words("a digital human parameter is invalid", "the message names it"),
    _C.INSTANCE_NOT_FOUND: Words(
        "agent instance not found", "it may have ended; create another with CreateAgentInstance"
    ),
    _C.CREATE_FAILED: Words("the agent instance could not be created", "the message says why"),
    _C.MODIFY_FAILED: Words("the agent instance could not be modified", "the message says why"),
    _C.DELETE_FAILED: Words("the agent instance could not be deleted", "the message says why"),
    _C.LLM_CALL_FAILED: Words("the model could not be asked", "the message says why"),
    _C.TTS_CALL_FAILED: Words("the text could not be spoken", "the message says why"),
    _C.AGENT_EXISTS: Words("the agent already exists", "change it with UpdateAgent or choose another AgentId"),
    _C.AGENT_NOT_FOUND: Words("the agent does not exist", "register it with RegisterAgent"),
    _C.HISTORY_FAILED: Words("the message history could not be loaded", "the message says why"),
    _C.UPDATE_FAILED: Words("the agent instance could not be updated", "the message says why"),
    _C.USER_SPEAKING: Words(
        "the user is speaking; LLM and TTS cannot be triggered now", "wait, or send it with Priority High"
    ),
    _C.USER_ABSENT: Words("the user is not in the room", "log the user into the instance's room first"),
    _C.CONTEXT_FAILED: Words("the instance's context could not be read", "the message says why"),
    _C.RESET_FAILED: Words("the instance's context could not be reset", "the message says why"),
    _C.INTERRUPT_FAILED: Words("the instance could not be interrupted", "the message says why"),
    _C.DIGITAL_HUMAN_RESOURCES: Words(
        "this machine has no headroom for another digital human", "end an instance, or start a voice instance"
    ),
    _C.CONFIG_ID: Words("ConfigId is not supported", "send mobile or web"),
    _C.DIGITAL_HUMAN_ID: Words("DigitalHumanId is wrong", "`mien avatar list` shows the digital humans there are"),
    _C.CREATE_DIGITAL_HUMAN_FAILED: Words("the digital human instance could not be created", "the message says why"),
    _C.TOO_FREQUENT: Words("too many requests", "spread them out, or raise MIEN_RATE_LIMIT"),
    _C.STREAM_ID_DUPLICATE: Words("AgentStreamId is already in use", "choose an AgentStreamId of its own"),
    _C.DIGITAL_HUMAN_LIMIT: Words(
        "this app runs as many digital humans as it may", "delete one, or raise MIEN_MAX_DIGITAL_HUMAN_INSTANCES"
    ),
    _C.DIGITAL_HUMAN_SYSTEM: Words("the digital human failed", "try again; the server's log says why"),
    _C.SHUTTING_DOWN: Words("the instance is being shut down", "create another instance"),
    _C.NOT_WALKIE_TALKIE: Words(
        "the instance is not in walkie-talkie mode", "create it with AdvancedConfig.CommunicationMode 2"
    ),
    _C.SEQUENCE_OUTDATED: Words("Sequence is outdated, the request was ignored", "count Sequence upwards"),
    _C.START_LISTENING_FAILED: Words("listening could not be started", "the message says why"),
    _C.STOP_LISTENING_FAILED: Words("listening could not be stopped", "the message says why"),
    _C.USER_NOT_PUBLISHING: Words("the user is not publishing yet", "publish UserStreamId first"),
    _C.TRIAL_URL: Words(
        "LLM.ApiKey is zego_test but LLM.Url is not one of the trial addresses", "use an API key of your own"
    ),
    _C.FOREIGN_DIGITAL_HUMAN: Words(
        "the digital human does not belong to this app", "use one of this app's digital humans"
    ),
    _C.LIVE_INSTANCE: Words(
        "live digital human instances do not support this control", "drive it with SendAgentInstanceTTS"
    ),
}
