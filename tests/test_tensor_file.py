import safetensors
import safetensors.torch
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


class Late:
    shape, dtype = torch.Size([2, 3]), torch.bfloat16

    def read(self):
        return torch.full((2, 3), 1.5, dtype=torch.bfloat16)


def test_a_file_is_written_one_tensor_at_a_time(tmp_path):
    path = tmp_path / "a.safetensors"
    tied = torch.arange(6.0)
    tensors = {
        **TENSORS, "tied": tied, "part": tied[::2], "turned": tied.view(2, 3).T, "late": Late(),
        "none": torch.empty(0, 4), "bool": torch.tensor([True, False]), "double": torch.ones(1, dtype=torch.float64),
    }  # fmt: skip
    tensor_file.write(path, tensors, HEADER)

    read = safetensors.torch.load_file(path)
    with safetensors.safe_open(path, "pt") as file:
        assert dict(file.metadata()) == HEADER
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        expected = tensor.read() if name == "late" else tensor
        assert read[name].dtype == expected.dtype
        assert torch.equal(read[name], expected)
    tensor_file.write(path, TENSORS, {})
    assert path.read_bytes() == tensor_file.encoded(TENSORS, {})
