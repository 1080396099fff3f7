"""The quadratic penalty of SI and EWC: value and gradient by hand; and the path integral of SI beside it."""

from types import SimpleNamespace

import pytest
import torch

from acn_bench.strategies.plugins.penalty import differences, quadratic
from acn_bench.strategies.plugins.si import SynapticIntelligence


def test_the_penalty_and_its_gradient_are_those_of_the_formula():
    params = [torch.tensor([1.0, 3.0], requires_grad=True), torch.tensor([[2.0]]).requires_grad_()]
    anchor = [torch.tensor([0.0, 1.0]), torch.tensor([[5.0]])]
    importance = [torch.tensor([2.0, -1.0]), torch.tensor([[0.5]])]  # SI's may be below zero
    penalty = quadratic(params, anchor, importance)
    assert penalty.item() == 2 * 1 - 1 * 4 + 0.5 * 9
    (3 * penalty).backward()
    assert params[0].grad.tolist() == [3 * 2 * 2 * 1, 3 * 2 * -1 * 2]
    assert params[1].grad.tolist() == [[3 * 2 * 0.5 * -3]]
    assert differences(anchor, anchor)[0].tolist() == [0.0, 0.0]


def test_the_penalty_passes_pytorchs_own_check_of_gradients():
    generator = torch.Generator().manual_seed(0)

    def some(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    params = [some(3, 2).requires_grad_(), some(4).requires_grad_()]
    fixed = [some(3, 2), some(4)], [some(3, 2), some(4)]
    assert torch.autograd.gradcheck(lambda *p: quadratic(p, *fixed), params)


@pytest.mark.parametrize(("path", "experience"), [("penalised", 1), ("loss", 1), ("loss", 0)])
def test_the_path_integral_is_of_the_loss_with_its_penalty_or_of_the_loss_alone(path, experience):
    si = SynapticIntelligence(3.0, 1e-3, None, path=path)
    loss, before, anchor = torch.tensor([0.5, -2.0]), torch.tensor([1.0, 3.0]), torch.zeros(2)
    after, importance = torch.tensor([0.9, 3.5]), torch.tensor([2.0, 0.25])
    penalty = 3.0 * importance * (before - anchor) if experience else torch.zeros(2)
    theta = after.clone().requires_grad_()
    theta.grad = loss + penalty
    si.params, si.anchor, si.importance = [theta], [anchor], [importance]
    si._before, si._path = [before], [torch.zeros(2)]

    si.after_training_iteration(
        SimpleNamespace(clock=SimpleNamespace(train_exp_counter=experience))
    )

    gradient = loss if path == "loss" else loss + penalty
    assert torch.allclose(si._path[0], gradient * (after - before))
