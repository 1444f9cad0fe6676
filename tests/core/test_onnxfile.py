"""What an ONNX file says of itself, against files that the library onnx writes."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from server.config import BUNDLED_MODEL
from server.core.onnxfile import MOST_DEPTH, read_facts

BUNDLED = BUNDLED_MODEL.read_bytes()


def model_of(*nodes: onnx.NodeProto, **more: object) -> bytes:
    graph = helper.make_graph(list(nodes), "g", [], [])
    return bytes(helper.make_model(graph, **more).SerializeToString())


def test_the_bundled_model() -> None:
    model = onnx.load(str(BUNDLED_MODEL))
    facts = read_facts(BUNDLED)
    assert facts.metadata == {entry.key: entry.value for entry in model.metadata_props}
    assert facts.operators == {node.op_type for node in model.graph.node}
    assert facts.custom_domains == []
    assert not facts.external
    assert facts.precision == "fp32"


def test_rounding_to_8_bits_is_seen() -> None:
    assert read_facts(model_of(helper.make_node("QuantizeLinear", ["a", "b"], ["c"]))).precision == "int8"


def test_domains_of_nodes_imports_and_functions() -> None:
    node = helper.make_node("Relu", ["a"], ["b"], domain="one.example")
    inner = helper.make_node("Relu", ["a"], ["b"], domain="two.example")
    opsets = [helper.make_opsetid("", 18)]
    function = helper.make_function("three.example", "f", ["a"], ["b"], [inner], opsets)
    data = model_of(node, functions=[function], opset_imports=[*opsets, helper.make_opsetid("four.example", 1)])
    assert read_facts(data).custom_domains == ["four.example", "one.example", "two.example"]
    assert read_facts(model_of(helper.make_node("Relu", ["a"], ["b"], domain="ai.onnx"))).custom_domains == []


def far() -> onnx.TensorProto:
    tensor = helper.make_tensor("far", TensorProto.FLOAT, [1], [1.0])
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def sparse() -> onnx.SparseTensorProto:
    return helper.make_sparse_tensor(far(), helper.make_tensor("i", TensorProto.INT64, [1], [0]), [4])


@pytest.mark.parametrize(
    "where", ["initializer", "sparse_initializer", "attribute", "sparse attribute", "branch", "key"]
)
def test_a_part_in_another_file_is_seen_wherever_it_is(where: str) -> None:
    model = onnx.load_from_string(model_of(helper.make_node("Relu", ["a"], ["b"])))
    match where:
        case "initializer":
            model.graph.initializer.append(far())
        case "sparse_initializer":
            model.graph.sparse_initializer.append(sparse())
        case "attribute":
            model.graph.node.append(helper.make_node("Constant", [], ["x"], value=far()))
        case "sparse attribute":
            model.graph.node.append(helper.make_node("Constant", [], ["x"], sparse_value=sparse()))
        case "branch":
            branch = helper.make_graph([helper.make_node("Constant", [], ["x"], value=far())], "b", [], [])
            model.graph.node.append(helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch))
        case "key":  # without the mark that says so: some readers look at this alone
            tensor = helper.make_tensor("far", TensorProto.FLOAT, [1], [1.0])
            tensor.external_data.add(key="location", value="x")
            model.graph.initializer.append(tensor)
    assert read_facts(bytes(model.SerializeToString())).external


def test_nested_without_end() -> None:
    graph = helper.make_graph([helper.make_node("Relu", ["a"], ["b"])], "g", [], [])
    for _ in range(MOST_DEPTH):
        graph = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=graph)], "g", [], [])
    with pytest.raises(ValueError, match="nested too deep"):
        read_facts(bytes(helper.make_model(graph).SerializeToString()))


def test_without_a_network() -> None:
    with pytest.raises(ValueError, match="there is no network in it"):
        read_facts(model_of())


@pytest.mark.parametrize("size", [1, 10, 1000, len(BUNDLED) - 1])
def test_cut_off(size: int) -> None:
    with pytest.raises(ValueError, match="it is cut off"):
        read_facts(BUNDLED[:size])


@given(st.binary(max_size=200))
def test_whatever_the_bytes_it_answers_or_refuses(data: bytes) -> None:
    try:
        facts = read_facts(data)
    except ValueError:
        return
    assert facts.operators


@given(st.integers(0, 3000), st.integers(0, 255))
def test_a_changed_byte_is_no_accident(at: int, value: int) -> None:
    small = bytearray(model_of(*(helper.make_node("Relu", ["a"], ["b"]) for _ in range(20))))
    small[at % len(small)] = value
    try:
        facts = read_facts(bytes(small))
    except ValueError:
        return
    assert facts.messages
