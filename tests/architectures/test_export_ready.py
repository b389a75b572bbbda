"""Every network can be traced, and written as ONNX, without a context and for any size of image."""

from __future__ import annotations

import warnings

import pytest
import torch

from napari_sr.architectures import registry

NETWORKS = {
    "imdn": {"channels": 16, "blocks": 1},
    "imdn-as": {"channels": 16, "blocks": 1},
    "imdn-rtc": {"blocks": 1},
    "imdn-plus": {"channels": 12, "blocks": 1},
    "rfdn": {"channels": 8, "blocks": 1},
    "bsrn": {"channels": 16, "blocks": 1},
    "bsrn-s": {"channels": 16, "blocks": 1},
    "mspn-equivariant": {"channels": 8, "blocks": 1},
    "lkdn": {"channels": 8, "blocks": 1},
    "rlfn": {"channels": 8, "blocks": 1},
    "reprfn-plain": {"channels": 8, "blocks": 1},
    "span-plain": {"channels": 8, "blocks": 2},
    "span-f": {"channels": 8, "blocks": 2},
    "safmn": {"channels": 8, "blocks": 1},
    "safmn-ntire": {"channels": 8, "blocks": 1},
    "smfanet": {"channels": 8, "blocks": 1},
    "srvgg": {"channels": 8, "convolutions": 1},
}
SIZES = ((20, 28), (36, 32), (40, 64))


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(0)
    return registry.get(request.param).build(**NETWORKS[request.param]).eval()


def sizes(network):
    """Sizes to try; odd ones too, but for IMDN_AS, whose traced form takes multiples of 4."""
    return SIZES if network.scale == 1 else (*SIZES, (33, 47), (23, 26))


def test_a_trace_takes_any_size(network):
    with torch.inference_mode(), warnings.catch_warnings():
        # torch announces the end of TorchScript at every use
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(network, torch.rand(1, 3, 24, 32))
        for height, width in sizes(network):
            x = torch.rand(2, 3, height, width)
            torch.testing.assert_close(traced(x), network(x), atol=1e-5, rtol=1e-5)


def test_onnx_takes_any_size(network, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    path = tmp_path / "network.onnx"
    with torch.no_grad(), warnings.catch_warnings():
        # the exporter that works from a trace announces its end, and warns of sizes that it keeps dynamic all the same
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.rand(1, 3, 24, 32),),
            str(path),
            dynamo=False,
            opset_version=17,
            input_names=["x"],
            dynamic_axes={"x": {0: "batch", 2: "height", 3: "width"}},
        )
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for height, width in sizes(network):
        x = torch.rand(2, 3, height, width)
        with torch.inference_mode():
            expected = network(x)
        (y,) = session.run(None, {"x": x.numpy()})
        torch.testing.assert_close(torch.from_numpy(y), expected, atol=2e-5, rtol=1e-4)
