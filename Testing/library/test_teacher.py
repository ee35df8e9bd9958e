"""The teacher: ResNet stages with folded batch norm, frozen, loaded by name."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from SPMambaLib import bundle
from SPMambaLib.model.config import TeacherConfig
from SPMambaLib.model.teacher import IMAGENET_MEAN, IMAGENET_STD, Teacher, to_teacher_input

RESNET18 = TeacherConfig(name="resnet18", blocks=(2, 2, 2))


def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d):
    """Weight and bias of one convolution that does what `conv` and then `norm` do."""
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return conv.weight * factor[:, None, None, None], norm.bias - norm.running_mean * factor


def lively_norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels).eval()
    for tensor, low, high in ((norm.weight.data, 0.5, 1.5), (norm.bias.data, -0.5, 0.5),
                              (norm.running_mean, -0.5, 0.5), (norm.running_var, 0.5, 2.0)):
        tensor.uniform_(low, high)
    return norm


@torch.no_grad()
def test_the_teacher_is_a_resnet_with_its_batch_norm_folded():
    """Against a plain statement of ResNet with separate batch norm, weights folded into the teacher."""
    torch.manual_seed(0)
    arrays = {}

    def layer(name, channels_in, channels, kernel, stride):
        conv = nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, bias=False)
        norm = lively_norm(channels)
        weight, bias = folded(conv, norm)
        arrays[name + ".weight"], arrays[name + ".bias"] = weight.numpy(), bias.numpy()
        return lambda x: norm(conv(x))

    x = torch.randn(2, 3, 64, 64)
    y, expected = F.max_pool2d(F.relu(layer("conv1", 3, 64, 7, 2)(x)), 3, 2, 1), []
    width = 64
    for number, channels in enumerate((64, 128, 256), start=1):
        for block in range(2):
            name, stride = "layer{}.{}".format(number, block), 2 if block == 0 and number > 1 else 1
            inner = F.relu(layer(name + ".conv1", width, channels, 3, stride)(y))
            inner = layer(name + ".conv2", channels, channels, 3, 1)(inner)
            shortcut = y if width == channels else layer(name + ".downsample.0", width, channels, 1, stride)(y)
            y, width = F.relu(inner + shortcut), channels
        expected.append(y)
    arrays["fc.weight"] = np.zeros((3, 3), dtype=np.float32)  # beyond stage 3: ignored

    teacher = Teacher(RESNET18)
    teacher.load_arrays(arrays)
    features = teacher(x)
    assert [tuple(f.shape) for f in features] == [(2, 64, 16, 16), (2, 128, 8, 8), (2, 256, 4, 4)]
    for got, wanted in zip(features, expected):
        assert torch.allclose(got, wanted, atol=1e-4 * float(wanted.abs().max()))
    arrays["layer3.1.conv2.bias"] = arrays["layer3.1.conv2.bias"] + 0.5
    teacher.load_arrays(arrays)
    assert not torch.allclose(teacher(x)[2], expected[2], atol=0.01)


def test_missing_and_misshapen_weights_are_refused():
    teacher = Teacher(RESNET18)
    arrays = {name: tensor.numpy() for name, tensor in teacher.state_dict().items()}
    teacher.load_arrays(arrays)
    with pytest.raises(KeyError):
        teacher.load_arrays({name: array for name, array in arrays.items() if name != "conv1.weight"})
    with pytest.raises(RuntimeError):
        teacher.load_arrays(dict(arrays, **{"conv1.weight": np.zeros((64, 1, 7, 7), np.float32)}))


def test_the_teacher_is_frozen():
    teacher = Teacher(RESNET18)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert not teacher.train().training


def test_grey_becomes_three_equal_normalised_channels():
    pixels = torch.rand(2, 1, 8, 8)
    x = to_teacher_input(pixels)
    assert x.shape == (2, 3, 8, 8)
    for channel in range(3):
        assert torch.allclose(x[:, channel] * IMAGENET_STD + IMAGENET_MEAN, pixels[:, 0], atol=1e-6)


def responses(teacher: Teacher, columns, row: int, size: int):
    """Energy (B, h, w) of what a dot at (row, column) of a grey image changes in each of the features."""
    pixels = torch.full((len(columns) + 1, 1, size, size), 0.3)
    for image, column in zip(pixels, columns):
        image[0, row - 1:row + 2, column - 1:column + 2] = 1.0
    with torch.no_grad():
        return [(f[:-1] - f[-1:]).square().sum(dim=1) for f in teacher(to_teacher_input(pixels))]


def test_the_receptive_field_of_cell_i_is_centred_on_stride_times_i():
    """Geometry alone, all weights equal: a dot to the left of pixel 16 i excites cell i as one to the right does."""
    teacher = Teacher(TeacherConfig(name="even", blocks=(1, 1, 1), channels=(8, 8, 8)))
    for parameter in teacher.parameters():
        parameter.fill_(0.01 if parameter.ndim > 1 else 1.0)
    cell, distances = 4, np.arange(-30, 31)
    for stride, energy in zip((4, 8, 16), responses(teacher, 16 * cell + distances, 16 * cell, 128)):
        i = 16 * cell // stride
        at_cell = energy[:, i, i].double().numpy()
        assert np.abs(at_cell - at_cell[::-1]).max() < 1e-3 * at_cell.max() == pytest.approx(1e-3 * at_cell[30])
        further = energy[:, i, i + 1].double().numpy()
        assert np.abs(further - further[::-1]).max() > 0.5 * further.max()


def test_trained_weights_look_at_the_middle_of_the_block():
    """Weights trained on mirrored images see left and right alike, so cell i answers to the middle of the `stride`
    pixels from stride * i on, not to the middle of its receptive field."""
    tensors = bundle.load(bundle.find_bundle("chest-xray"))[1]
    teacher = Teacher(RESNET18)
    teacher.load_state_dict({name[len("teacher."):]: t for name, t in tensors.items() if name.startswith("teacher.")})
    columns = np.arange(96, 112, 2)  # a whole period, in the middle of the image
    for stride, energy in zip((4, 8, 16), responses(teacher, columns, 104, 208)):
        profile = energy.sum(dim=1).double().numpy()
        centroid = (profile * np.arange(profile.shape[1])).sum(axis=1) / profile.sum(axis=1)
        assert np.mean(columns - stride * centroid) == pytest.approx((stride - 1) / 2, abs=1.0)


def test_the_real_weights_see_edges(data):
    """ImageNet weights tell structures apart that random weights hardly do."""
    path = data.parent / "weights"
    found = sorted(path.glob("*resnet18*.npz")) if path.is_dir() else []
    if not found:
        pytest.skip("no ResNet-18 weights beside the test data")
    teacher, pixels = Teacher(RESNET18), torch.zeros(2, 1, 64, 64)
    pixels[0, :, :, ::8] = 1.0
    pixels[1, :, ::8, :] = 1.0

    def likeness() -> float:
        vertical, horizontal = teacher(to_teacher_input(pixels))[0].mean(dim=(2, 3))
        return float(F.cosine_similarity(vertical, horizontal, dim=0))

    torch.manual_seed(0)
    untrained = likeness()
    with np.load(found[0], allow_pickle=False) as arrays:
        teacher.load_arrays(arrays)
    assert likeness() < untrained - 0.1
