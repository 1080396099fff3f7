"""A network and weights that do not fit it -> the sentence that says where."""

from collections.abc import Mapping

from torch import Tensor, nn


def state_dict_mismatch(network: nn.Module, weights: Mapping[str, Tensor]) -> str:
    """The first of each kind of difference, and how many there are; empty where names and shapes are the same."""
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    others = [
        f"{name} is {given[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in given and given[name] != shape
    ]
    missing = [f"there is no {name}" for name in expected if name not in given]
    more = [f"{name} is none of its weights" for name in given if name not in expected]
    said = [kind[0] for kind in (others, missing, more) if kind]
    left = len(others) + len(missing) + len(more) - len(said)
    return "; ".join([*said, f"and {left} more"] if left else said)
