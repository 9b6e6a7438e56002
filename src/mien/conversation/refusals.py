"""Which return code a refusal of the conversation has, the same by HTTP and by room message."""

from __future__ import annotations

from collections.abc import Mapping

from mien.codes import ReturnCode
from mien.conversation import port

CODES: Mapping[type[Exception], ReturnCode] = {
    port.InstanceNotFoundError: ReturnCode.INSTANCE_NOT_FOUND,
    port.InstanceLimitError: ReturnCode.VOICE_LIMIT,
    port.NoCapacityError: ReturnCode.RESOURCES,
    port.StreamTakenError: ReturnCode.STREAM_ID_DUPLICATE,
    port.UserListeningError: ReturnCode.USER_SPEAKING,
    port.ShuttingDownError: ReturnCode.SHUTTING_DOWN,
    port.NotWalkieTalkieError: ReturnCode.NOT_WALKIE_TALKIE,
    port.OutdatedSequenceError: ReturnCode.SEQUENCE_OUTDATED,
    port.UnknownDigitalHumanError: ReturnCode.DIGITAL_HUMAN_ID,
    port.UserAbsentError: ReturnCode.USER_ABSENT,
    port.UserNotPublishingError: ReturnCode.USER_NOT_PUBLISHING,
    port.LiveInstanceError: ReturnCode.LIVE_INSTANCE,
}
"""What is not in here has the code of the action that failed."""
