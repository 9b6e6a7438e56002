"""Codecs of the media path: voice and H.264 encoded once per stream, and the H.264 carrier of motion frames."""

from mien.rtc.codec.aac import AacEncoder
from mien.rtc.codec.carrier import CARRIER_SIZE, carrier_unit
from mien.rtc.codec.h264 import H264Encoder
from mien.rtc.codec.opus import OpusDecoder, OpusEncoder, silence_packet
from mien.rtc.codec.sei import MOTION_UUID, parse_sei, sei_nal, sei_payloads
from mien.rtc.codec.speech import VOICE_BITRATE, VoiceEncoder, voice_encoder

__all__ = [
    "CARRIER_SIZE",
    "MOTION_UUID",
    "VOICE_BITRATE",
    "AacEncoder",
    "H264Encoder",
    "OpusDecoder",
    "OpusEncoder",
    "VoiceEncoder",
    "carrier_unit",
    "parse_sei",
    "sei_nal",
    "sei_payloads",
    "silence_packet",
    "voice_encoder",
]
