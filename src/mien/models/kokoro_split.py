"""Cuts the Kokoro ONNX graph in two, so that speech can be streamed.

The first half turns phonemes into acoustic features, the harmonic source, phoneme durations and loudness for a whole
clause; the second, the vocoder's generator (nearly 90 % of the work), then runs on slices of them. Cutting after the
harmonic source keeps its phase continuous from slice to slice.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from mien.models.kokoro_names import DURATIONS, ENERGY, FEATURES, HARMONICS, STYLE

_INSIDE = {DURATIONS: "/encoder/Clip_output_0", ENERGY: "/encoder/Squeeze_1_output_0"}
_AUDIO = "audio"


class UnsupportedKokoroError(ValueError):
    """The ONNX file is not a Kokoro v1.0 export with the node names this split knows."""


def _inputs(node: onnx.NodeProto) -> list[str]:
    """Everything a node reads, the bodies of its If/Loop attributes included."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in attribute.g.node:
                names += _inputs(inner)
    return names


def _upstream(graph: onnx.GraphProto, wanted: Iterable[str], stop: frozenset[str]) -> list[onnx.NodeProto]:
    """The nodes that compute `wanted`, in graph order, not looking behind the tensors in `stop`."""
    producer = {output: node for node in graph.node for output in node.output}
    needed: set[int] = set()
    stack = list(wanted)
    while stack:
        name = stack.pop()
        node = producer.get(name)
        if name in stop or node is None or id(node) in needed:
            continue
        needed.add(id(node))
        stack += _inputs(node)
    return [node for node in graph.node if id(node) in needed]


def _model(
    source: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    used = {name for node in nodes for name in _inputs(node)}
    weights = [tensor for tensor in source.graph.initializer if tensor.name in used]
    graph = helper.make_graph(nodes, "kokoro", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=source.opset_import, ir_version=source.ir_version)


def _float(name: str, shape: list[int | str] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def split(model: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The two halves of a Kokoro v1.0 model.

    Raises UnsupportedKokoroError if the tensors to cut at are missing.
    """
    graph = model.graph
    known = {output for node in graph.node for output in node.output}
    missing = [name for name in (FEATURES, HARMONICS, STYLE, *_INSIDE.values(), _AUDIO) if name not in known]
    if missing:
        raise UnsupportedKokoroError(
            f"This is not a Kokoro v1.0 export that can be streamed: it has no {missing[0]}. "
            "Use the export of the kokoro-onnx project."
        )
    for name, inside in _INSIDE.items():
        graph.node.append(helper.make_node("Identity", [inside], [name], name=f"{name}_out"))
    cut = (FEATURES, HARMONICS, STYLE)
    text = _model(
        model,
        _upstream(graph, (*cut, *_INSIDE), frozenset()),
        list(graph.input),
        [_float(name, None) for name in (*cut, *_INSIDE)],
    )
    vocoder = _model(
        model,
        _upstream(graph, (_AUDIO,), frozenset(cut)),
        [_float(FEATURES, [1, 512, "t"]), _float(HARMONICS, [1, 22, "h"]), _float(STYLE, [1, 128])],
        [output for output in graph.output if output.name == _AUDIO],
    )
    return text, vocoder


def split_files(source: Path, text: Path, vocoder: Path) -> None:
    """Reads the model at `source` and writes its two halves. Raises UnsupportedKokoroError, OSError."""
    first, second = split(onnx.load(source))
    for model, target in ((first, text), (second, vocoder)):
        target.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, target)


def split_once(source: Path, folder: Path) -> tuple[Path, Path]:
    """The halves of another model in `folder`, made again only when `source` changed. Raises UnsupportedKokoroError."""
    stat = source.stat()
    mark = folder / "source.txt"
    text, vocoder = folder / "text.onnx", folder / "vocoder.onnx"
    identity = f"{source.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    if not (mark.is_file() and mark.read_text("utf-8") == identity and text.is_file() and vocoder.is_file()):
        mark.unlink(missing_ok=True)
        split_files(source, text, vocoder)
        mark.write_text(identity, "utf-8")
    return text, vocoder
