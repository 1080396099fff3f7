"""A network and a state dict that does not fit it -> one sentence that names the first differences."""

from collections.abc import Mapping

from torch import Tensor, nn


def state_dict_mismatch(network: nn.Module, weights: Mapping[str, Tensor]) -> str:
    """The first wrong shape, missing name and unexpected name, and the count of further differences.

    Empty where all names and shapes are the same.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    wrong_shapes = [
        f"{name} is {given[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in given and given[name] != shape
    ]
    missing = [f"{name} is missing" for name in expected if name not in given]
    unexpected = [f"{name} is not expected" for name in given if name not in expected]
    kinds = (wrong_shapes, missing, unexpected)
    firsts = [differences[0] for differences in kinds if differences]
    more = sum(map(len, kinds)) - len(firsts)
    return "; ".join([*firsts, f"and {more} more"] if more else firsts)
