"""Every backbone is one graph for torch.compile, and a program for torch.export."""

import shutil

import pytest
import torch

from acn_bench.backbones import Heads, MultiHead, truncate
from acn_bench.backbones.dropping import Dropping
from acn_bench.families.names import BACKBONES, variants

EVERY = [(name, variant) for name in BACKBONES for variant in variants(name)]
FAMILIES = ["ac_mixer", "ac_vit", "ac_bert"]


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    torch.compiler.reset()


def trained(network, function, given):
    """What it gives, and the gradient of each weight that has one."""
    torch.manual_seed(3)
    logits = function(*given)
    loss = sum(part.square().sum() for part in logits)
    gradients = torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)
    return logits, [g for g in gradients if g is not None]


def check(network, given, *, depths=True, fullgraph=True, backend="eager", **tolerance):
    """Compiled it gives the same logits, at every depth too where asked for, and the same gradients."""

    def logits(*given):
        return network(*given), *(network.forward_depths(*given) if depths else ())

    compiled = torch.compile(logits, fullgraph=fullgraph, backend=backend)
    torch.testing.assert_close(
        trained(network, compiled, given), trained(network, logits, given), **tolerance
    )


# ---------------------------------------------------------------- torch.compile


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_every_backbone_compiles_as_one_graph_forward_and_backward(small, inputs, name, variant):
    depth = 2 if name.startswith("dense") else 1  # blocks of the dense wirings differ
    check(small(name, variant=variant, depth=depth), inputs(name))


@pytest.mark.parametrize("name", FAMILIES)
def test_under_bf16_too(small, inputs, name):
    check(small(name, depth=2, precision="bf16"), inputs(name))


@pytest.mark.parametrize("name", ["residual_mixer", "densenet_vit", "residual_bert"])
@pytest.mark.parametrize("dg_only", [False, True])
def test_with_checkpointing_and_direct_gradients_too(small, inputs, name, dg_only):
    network = small(name, depth=2)
    network.dg_only, network.checkpointing = dg_only, True
    check(network, inputs(name), depths=False)


@pytest.mark.filterwarnings(
    "ignore:The .grad attribute of a Tensor that is not a leaf"
)  # by dynamo
@pytest.mark.parametrize("checkpointing", [False, True])
def test_blocks_that_drop_compile_in_several_graphs(small, images, checkpointing):
    network = small("ac_mixer")
    network.dropping, network.checkpointing = Dropping((0.2, 0.5, 0.5)), checkpointing
    check(network, (images,), depths=False, fullgraph=False)


def test_a_head_of_many_compiles_for_one_experience(small, images):
    heads = Heads([torch.nn.Linear(24, width) for width in (5, 3)])
    network = MultiHead(small("ac_vit", depth=1), heads)
    check(network, (images, 1))


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="no C++ compiler")
@pytest.mark.parametrize("name", FAMILIES)
def test_inductor_compiles_one_of_each_family(small, inputs, name):
    check(small(name, depth=2), inputs(name), backend="inductor", rtol=1e-3, atol=1e-4)


# ---------------------------------------------------------------- torch.export


def any_batch(name):
    """The first dimension of every input is free."""
    text = ("input_ids", "attention_mask", "token_type_ids")
    return {of: {0: torch.export.Dim.DYNAMIC} for of in (text if name.endswith("bert") else ("x",))}


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_every_backbone_exports_for_any_batch(small, inputs, name, variant):
    network, given = small(name, variant=variant, depth=1).eval(), inputs(name)
    program = torch.export.export(network, given, dynamic_shapes=any_batch(name)).module()
    for rows in (slice(4), slice(1), [0, 1, 2, 3, 2, 1, 0]):
        some = tuple(x[rows] for x in given)
        torch.testing.assert_close(program(*some), network(*some))


@torch.no_grad()
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_one_that_was_cut_exports_without_gradients_and_in_either_precision(
    small, images, precision
):
    network = truncate(small("ac_mixer", precision=precision, variant="released"), 2).eval()
    program = torch.export.export(network, (images,), dynamic_shapes=any_batch("ac_mixer"))
    tolerance = {} if precision == "fp32" else {"rtol": 0, "atol": 0.02}
    torch.testing.assert_close(program.module()(images[:3]), network(images[:3]), **tolerance)


def test_checkpointing_leaves_no_trace_in_a_program(small, images):
    network = small("ac_vit", depth=1).eval()
    graph = str(torch.export.export(network, (images,)).graph)
    network.checkpointing = True
    assert str(torch.export.export(network, (images,)).graph) == graph
