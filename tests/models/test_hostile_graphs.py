"""ONNX files use the standard's operators and their own weights only, also when they are trusted."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional

from napari_sr.models import import_model, load_model
from napari_sr.models._onnx import check_model
from napari_sr.models._script_check import RefusedError
from tests.models.test_hostile_programs import refused

SCALES = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
UP = helper.make_node("Resize", ["x", "", "scales"], ["u"], mode="nearest")


def model(nodes, weights=(), *, domains=(), functions=(), size=("N", 1, "H", "W"), **more):
    """A model that ends in ``y``, with the operators of any domain."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info("y", more.pop("kind", TensorProto.FLOAT), None)],
        [SCALES, *weights],
    )
    opsets = [helper.make_opsetid(name, 17 if not name else 1) for name in ("", *domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=functions, **more)


def added(tensor, **more):
    """A model that adds the sum of some weights to the image."""
    cast = helper.make_node("Cast", [tensor.name], ["f"], to=TensorProto.FLOAT)
    total = helper.make_node("ReduceSum", ["f"], ["s"], keepdims=0)
    return model([UP, cast, total, helper.make_node("Add", ["u", "s"], ["y"])], [tensor], **more)


def weights(dims=(4,), kind=TensorProto.UINT8, data=b"\1\2\3\4"):
    tensor = TensorProto()
    tensor.name, tensor.data_type = "w", kind
    tensor.dims.extend(dims)
    if data is not None:
        tensor.raw_data = data
    return tensor


def elsewhere(location, dims=(4,), **numbers):
    """Weights in another file."""
    tensor = weights(dims, data=None)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **numbers}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return tensor


def saved(path, built):
    path.write_bytes(built.SerializeToString())
    return path


def branch(node, name):
    return helper.make_graph(
        [node], name, [], [helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None)]
    )


def nested(node):
    """A node within the branch of a condition."""
    other = helper.make_node("Identity", ["u"], ["v"])
    yes = helper.make_node("Constant", [], ["yes"], value_ints=[1])
    condition = helper.make_node("Cast", ["yes"], ["if"], to=TensorProto.BOOL)
    flat = helper.make_node("Squeeze", ["if"], ["c"])
    both = {"then_branch": branch(node, "t"), "else_branch": branch(other, "e")}
    return [UP, yes, condition, flat, helper.make_node("If", ["c"], ["y"], **both)]


@pytest.mark.parametrize(
    ("built", "message"),
    [
        (model([helper.make_node("Pwn", ["x"], ["y"], domain="evil")], domains=["evil"]), "evil.Pwn"),
        (
            model([helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft")], domains=["com.microsoft"]),
            "com.microsoft.EPContext",
        ),
        (
            model(nested(helper.make_node("Pwn", ["x"], ["v"], domain="evil")), domains=["evil"]),
            "evil.Pwn",
        ),
        (model([helper.make_node("ImageDecoder", ["x"], ["y"])]), "ImageDecoder"),
        (
            model(
                [helper.make_node("Own", ["x"], ["y"], domain="own")],
                domains=["own"],
                functions=[
                    helper.make_function(
                        "own", "Own", ["a"], ["b"],
                        [helper.make_node("Pwn", ["a"], ["b"], domain="evil")],
                        [helper.make_opsetid("evil", 1)],
                    )
                ],
            ),
            "evil.Pwn",
        ),
        (added(weights((10**11,))), "100,000,000,000 bytes"),
        (added(weights((2**40, 2**40))), "bytes"),
        (added(weights((5,))), "not as many as claimed"),
        (added(weights((-4,))), "negative size"),
        (added(weights(kind=77)), "type that is not read"),
        (added(weights(kind=TensorProto.STRING)), "type that is not read"),
        (added(weights((400,), data=None)), "not as many as claimed"),
        (
            model(
                [
                    UP,
                    helper.make_node("ConstantOfShape", ["n"], ["c"]),
                    helper.make_node("ReduceSum", ["c"], ["s"], keepdims=0),
                    helper.make_node("Add", ["u", "s"], ["y"]),
                ],
                [numpy_helper.from_array(np.array([10**6, 10**6]), "n")],
            ),
            r"constant of the shape \[1000000, 1000000\]",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_not_arithmetic_on_its_own_weights_is_refused(built, message):
    with pytest.raises(RefusedError, match=message):
        check_model(built.SerializeToString())


@pytest.mark.parametrize(
    "location",
    ["/etc/passwd", "../../etc/passwd", "sub/w.bin", "..", ".", "", "a\\b", "file:///etc/passwd"],
)
def test_weights_in_another_folder_are_refused(location, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(b"1234")
    built = added(elsewhere(location)).SerializeToString()
    with pytest.raises(RefusedError, match="in another folder"):
        check_model(built, tmp_path)


def test_links_devices_and_pipes_beside_it_are_refused(tmp_path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("link", "zero", "none"):
        with pytest.raises(RefusedError, match="not beside it"):
            check_model(added(elsewhere(name)).SerializeToString(), tmp_path)


@pytest.mark.parametrize(
    "numbers",
    [
        {"offset": -4},
        {"offset": 1},
        {"offset": 2**62},
        {"length": 2**62},
        {"length": 3},
        {"offset": "0x0"},
        {"length": "٤"},
    ],
)
def test_places_in_a_file_that_lie_are_refused(numbers, tmp_path):
    (tmp_path / "w.bin").write_bytes(b"1234")
    with pytest.raises(RefusedError, match=r"odd place|not as many"):
        check_model(added(elsewhere("w.bin", **numbers)).SerializeToString(), tmp_path)


def test_weights_beside_a_file_are_taken_into_the_catalog_with_it(tmp_path):
    """As PyTorch's exporter writes them."""
    (tmp_path / "theirs.onnx.data").write_bytes(b"....\1\2\3\4..")
    path = saved(tmp_path / "theirs.onnx", added(elsewhere("theirs.onnx.data", offset=4, length=4)))
    import_model(path, value_range=255, trust_program=True)
    for each in tmp_path.iterdir():
        each.unlink()
    x = torch.rand(1, 1, 5, 6)
    found = load_model("theirs").network(2)(x)
    torch.testing.assert_close(found, functional.interpolate(x, scale_factor=2) + 10)


def test_functions_of_its_own_are_allowed(tmp_path):
    double = helper.make_function(
        "own", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]
    )  # fmt: skip
    built = model(
        [UP, helper.make_node("Twice", ["u"], ["y"], domain="own")],
        domains=["own"],
        functions=[double],
    )
    path = saved(tmp_path / "theirs.onnx", built)
    x = torch.rand(1, 1, 5, 6)
    found = load_model(path, value_range=1, trust_program=True).network(2)(x)
    assert torch.equal(found, 2 * functional.interpolate(x, scale_factor=2))


@pytest.mark.parametrize(
    ("built", "message"),
    [
        (model([UP, helper.make_node("Nope\n\x1b[31mRED", ["u"], ["y"])]), r"Nope"),
        (
            model([helper.make_node("Identity", ["x"], ["y"])], size=("N", 10**9, "H", "W")),
            "1000000000 channels: not tried",
        ),
        (
            model([UP, helper.make_node("Cast", ["u"], ["y"], to=TensorProto.DOUBLE)], kind=TensorProto.DOUBLE),
            r"should give a float tensor, not tensor\(double\)",
        ),
        (model([helper.make_node("Add", ["x", "y"], ["z"]), helper.make_node("Identity", ["z"], ["y"])]), "acyclic"),
    ],
    ids=["control characters", "channels", "double", "cycle"],
)  # fmt: skip
def test_what_onnx_runtime_refuses_is_one_printable_line(built, message, tmp_path):
    refused(saved(tmp_path / "theirs.onnx", built), message, trust_program=True)


def test_deep_graphs_are_refused():
    node = helper.make_node("Identity", ["x"], ["y"])
    for _ in range(20):
        node = helper.make_node("If", ["c"], ["y"], then_branch=branch(node, "b"))
    with pytest.raises(RefusedError, match="nested too deeply"):
        check_model(model([node]).SerializeToString())


@pytest.mark.parametrize("suffix", [".onnx", ".pth"])
@pytest.mark.parametrize(
    "data",
    [b"\x10\0\0\0ORTM" + bytes(200), b"\x08\x07\x3a\xff\xff\xff\xff\x07a", bytes(1000), b"x"],
)
def test_other_formats_of_onnx_runtime_and_garbage_are_refused(suffix, data, tmp_path):
    path = tmp_path / f"theirs{suffix}"
    path.write_bytes(data)
    refused(path, "truncated or damaged", trust_program=True)


def test_the_largest_and_smallest_numbers_survive(tmp_path):
    """Weights in every way in which a file may hold them are what they were."""
    for kind in (np.float32, np.float64, np.int32, np.int64, np.uint8, np.float16, np.bool_):
        values = np.array([0, 1, 2, 1], kind)
        tensor = numpy_helper.from_array(values, "w")
        checked = onnx.ModelProto.FromString(check_model(added(tensor).SerializeToString()).data)
        (found,) = [each for each in checked.graph.initializer if each.name == "w"]
        np.testing.assert_array_equal(numpy_helper.to_array(found), values)
        typed = helper.make_tensor("w", tensor.data_type, [4], values)
        check_model(added(typed).SerializeToString())
