"""A compiled copy of a backbone gives what the backbone gives."""

import pytest
import torch
from trs_lab.features.inference import cannot_compile, inference_copy


class Toy(torch.nn.Module):
    dim = 3

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Linear(3, 3)

    def features(self, x):
        return self.scale(x.mean((2, 3, 4)))


@pytest.mark.skipif(bool(cannot_compile("cpu")), reason=cannot_compile("cpu"))
def test_compiled_copy_of_a_backbone():
    toy, x = Toy(), torch.randn(4, 3, 16, 8, 8)
    fast, said = inference_copy(toy, compile=True)
    assert said.endswith("compiled") and "not compiled" not in said
    with torch.inference_mode():
        torch.testing.assert_close(fast.features(x), toy.features(x), atol=1e-5, rtol=1e-5)
