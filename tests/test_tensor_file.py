import safetensors
import torch

from acn_bench import tensor_file

TENSORS = {"b": torch.arange(3), "a": torch.ones(2, 2), "c": torch.zeros((), dtype=torch.uint8)}
HEADER = {f"key {k}": f'"é{k}"' for k in range(12)}


def test_the_same_content_gives_the_same_bytes_in_any_order_of_its_keys():
    made = {
        tensor_file.encoded(TENSORS, dict(sorted(HEADER.items(), reverse=k % 2 == 0)))
        for k in range(8)
    }

    assert len(made) == 1


def test_a_file_has_its_tensors_and_its_header(tmp_path):
    path = tmp_path / "a.safetensors"
    for tensors, header in ((TENSORS, HEADER), (TENSORS, {}), ({}, HEADER), ({}, {})):
        path.write_bytes(tensor_file.encoded(tensors, header))

        with safetensors.safe_open(path, "pt") as file:
            assert dict(file.metadata() or {}) == header
            assert {name: file.get_tensor(name).tolist() for name in file.keys()} == {  # noqa: SIM118
                name: tensor.tolist() for name, tensor in tensors.items()
            }
