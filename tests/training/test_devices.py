import pytest
import torch
from torch import nn

from brainzoo.common.errors import OptionError
from brainzoo.training.devices import compute


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("side", [2, 4, 8])
def test_bf16_gradients_of_small_volumes_are_right(transposed, side):
    """Some libraries leave them unwritten: compare with float32 while memory is full of NaN."""
    torch.manual_seed(0)
    if transposed:
        layer, images = nn.ConvTranspose3d(8, 16, 5, 2, 2, 1), torch.randn(8, 8, *[side // 2] * 3)
    else:
        layer, images = nn.Conv3d(8, 16, 5, 2, 2), torch.randn(8, 8, *[side] * 3)
    machine = compute("cpu", "bf16")
    machine.place(layer)
    layer(images).square().mean().backward()
    expected = layer.weight.grad.clone()
    for _ in range(3):
        del_me = [torch.full((n,), float("nan")) for n in (1_000, 10_000, 100_000)]
        del del_me
        layer.zero_grad()
        with machine.autocast():
            made = layer(machine.tensor(images))
        made.float().square().mean().backward()
        error = (layer.weight.grad - expected).norm() / expected.norm()
        assert error < 0.02


def test_an_unknown_device_is_one_clear_line():
    said = "device 'gpu7' cannot be used; expected cpu, cuda, mps or auto. Try --device cpu."
    with pytest.raises(OptionError) as caught:
        compute("gpu7")
    assert str(caught.value) == said


def test_precision_is_as_asked_for():
    assert compute("cpu", "fp32").dtype is torch.float32
    assert compute("cpu", "bf16").dtype is torch.bfloat16
    layer = nn.Linear(4, 4)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with compute("cpu", precision).autocast():
            assert layer(torch.rand(2, 4)).dtype is dtype


def test_each_process_takes_the_gpu_of_its_number(monkeypatch):
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert compute("cuda", "fp32").device == torch.device("cuda:2")
    assert taken == [2]
    monkeypatch.setenv("LOCAL_RANK", "4")
    with pytest.raises(OptionError, match=r"GPU 4 .* has 4.*--nproc-per-node 4"):
        compute("cuda", "fp32")
