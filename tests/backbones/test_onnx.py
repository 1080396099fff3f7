"""A network that was cut says the same in onnxruntime, whatever the batch."""

import pytest
import torch

from acn_bench.backbones import Heads, MultiHead, truncate

pytest.importorskip("onnxscript", reason="onnx is an extra")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnx is an extra")


@pytest.fixture
def exported(tmp_path):
    """Writes the file, and gives a function from inputs to what onnxruntime says of them."""

    def export(network, given, **options):
        path = tmp_path / "network.onnx"
        torch.onnx.export(network, given, path, verbose=False, **options)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [of.name for of in session.get_inputs()]

        def run(*given):
            arrays = {name: x.numpy() for name, x in zip(names, given, strict=True)}
            return torch.from_numpy(session.run(None, arrays)[0])

        return run

    return export


@pytest.mark.parametrize(
    ("name", "variant"),
    [("ac_vit", "plain"), ("ac_vit", "released"), ("ac_mixer", "released"), ("ac_bert", "plain")],
)
def test_one_that_was_cut_gives_the_same_logits(small, inputs, exported, name, variant):
    network, given = small(name, variant=variant, depth=2).eval(), inputs(name)
    cut = truncate(network, 1)
    run = exported(cut, given, dynamic_shapes=[{0: torch.export.Dim.DYNAMIC} for _ in given])
    for rows in ([0, 1, 2, 3], [2], [3, 2, 1, 0, 1, 2, 3]):
        some = tuple(x[rows] for x in given)
        with torch.no_grad():
            torch.testing.assert_close(run(*some), cut(*some))
            torch.testing.assert_close(run(*some), network.forward_depths(*some)[1])


def test_a_head_of_many_is_chosen_when_it_is_written(small, images, exported):
    heads = Heads([torch.nn.Linear(24, width) for width in (5, 3)])
    network = MultiHead(small("ac_mixer", depth=1), heads).eval()
    run = exported(network, (images, 1))
    torch.testing.assert_close(run(images), network(images, 1).detach())


def test_one_that_computes_in_bf16_is_written_in_fp32(small, images, exported):
    network = small("ac_vit", depth=1, precision="bf16").eval()
    network.precision = "fp32"
    run = exported(network, (images,))
    torch.testing.assert_close(run(images), network(images).detach())
