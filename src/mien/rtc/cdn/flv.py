"""Bodies of FLV tags (Adobe FLV 10.1, annex E), which are what RTMP's audio, video and data messages carry."""

from __future__ import annotations

from typing import Final

import av
from av.video.codeccontext import VideoCodecContext

from mien.rtc.cdn.amf import Value, encode, encode_array
from mien.rtc.codec.aac import AUDIO_SPECIFIC_CONFIG, SAMPLE_RATE
from mien.rtc.codec.annexb import NAL_AUD, NAL_PPS, NAL_SPS, nal_type, split_nals

_AAC: Final = 0xAF
"""AAC; the rest of the byte is fixed and says nothing about the sound."""
_KEYFRAME_AVC, _FRAME_AVC = 0x17, 0x27
_CONFIG, _DATA = 0, 1
_H264_CODEC, _AAC_CODEC = 7, 10

AUDIO_CONFIG: Final = bytes([_AAC, _CONFIG]) + AUDIO_SPECIFIC_CONFIG
"""Tells how to decode the audio; must come before it."""


def audio_tag(data: bytes) -> bytes:
    """The body for one AAC packet."""
    return bytes([_AAC, _DATA]) + data


def video_config(unit: bytes) -> bytes | None:
    """From a key frame in Annex B: the body that tells how to decode it and those after it (AVCDecoderConfiguration,
    ISO/IEC 14496-15, 5.3.3). None if the unit has no parameter sets."""
    nals = list(split_nals(unit))
    sps = next((nal for nal in nals if nal_type(nal) == NAL_SPS), None)
    pps = next((nal for nal in nals if nal_type(nal) == NAL_PPS), None)
    if sps is None or pps is None:
        return None
    # Version 1, profile and level of the SPS, NAL lengths of four bytes, one SPS, one PPS.
    record = bytes([1, *sps[1:4], 0xFF, 0xE1]) + len(sps).to_bytes(2, "big") + sps
    record += b"\x01" + len(pps).to_bytes(2, "big") + pps
    return bytes([_KEYFRAME_AVC, _CONFIG, 0, 0, 0]) + record


def video_tag(unit: bytes, keyframe: bool) -> bytes:
    """The body for one access unit in Annex B, without the parameter sets, which `video_config` has told."""
    nals = [nal for nal in split_nals(unit) if nal_type(nal) not in (NAL_SPS, NAL_PPS, NAL_AUD)]
    head = bytes([_KEYFRAME_AVC if keyframe else _FRAME_AVC, _DATA, 0, 0, 0])
    return head + b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)


def picture_size(unit: bytes) -> tuple[int, int]:
    """Width and height in px of a key frame in Annex B."""
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.decode(av.Packet(unit))
    decoder.decode(None)
    return decoder.width, decoder.height


def metadata(software: str, width: int, height: int) -> bytes:
    """The data message that announces the streams."""
    members: dict[str, Value] = {
        "width": float(width),
        "height": float(height),
        "videocodecid": float(_H264_CODEC),
        "audiocodecid": float(_AAC_CODEC),
        "audiosamplerate": float(SAMPLE_RATE),
        "audiosamplesize": 16.0,
        "stereo": False,
        "encoder": software,
    }
    return encode("@setDataFrame", "onMetaData") + encode_array(members)
