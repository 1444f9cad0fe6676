"""Small ONNX models that are right or wrong in one thing each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

Side = int | str


def write_model(
    path: Path,
    *,
    image: Sequence[Side] = ("batch", 3, "height", "width"),
    rows: int = 5,
    names: str | None = "{0: 'gun'}",
    outputs: int = 1,
    transposed: bool = False,
    element: int = TensorProto.FLOAT,
) -> Path:
    """A model whose output (1, rows, anchors) is ``rows`` times its pooled input, so that anchors follow the sides."""
    nodes = [
        helper.make_node("ReduceMean", ["images", "channels"], ["grey"], keepdims=1),
        helper.make_node("MaxPool", ["grey"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Concat", ["pooled"] * rows, ["stacked"], axis=1),
        helper.make_node("Reshape", ["stacked", "shape"], ["flat"]),
    ]
    constants = [
        helper.make_tensor("channels", TensorProto.INT64, [1], [1]),
        helper.make_tensor("shape", TensorProto.INT64, [3], [1, rows, -1]),
    ]
    results = []
    for index in range(outputs):
        name = f"output{index}"
        if transposed:
            nodes.append(helper.make_node("Transpose", ["flat"], [name], perm=[0, 2, 1]))
        else:
            nodes.append(helper.make_node("Identity", ["flat"], [name]))
        shape = [1, "anchors", rows] if transposed else [1, rows, "anchors"]
        results.append(helper.make_tensor_value_info(name, element, shape))
    inputs = [helper.make_tensor_value_info("images", element, list(image))]
    graph = helper.make_graph(nodes, "small", inputs, results, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    if names is not None:
        helper.set_model_props(model, {"names": names})
    onnx.save(model, str(path))
    return path
