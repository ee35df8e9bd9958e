"""What a network is built from: frozen, JSON-serialisable numbers, and the two presets.

No torch here: a model card can be read, checked and shown without it.
"""
from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Tuple, Type, TypeVar

TEACHER_STRIDES = (4, 8, 16)
"""Input pixels per cell of the teacher's feature maps f1, f2, f3."""

NECK_STRIDE = 32
"""Input pixels per cell of the neck's output H, where the decoder starts."""

SPACES = ("plain", "standardised", "whitened")
"""Where features and prototypes can be compared; see `feature_space`."""

_Config = TypeVar("_Config")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _freeze_sequences(config: Any) -> None:
    """JSON gives lists; a frozen config holds tuples."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, list):
            object.__setattr__(config, field.name, tuple(value))


def _to_dict(config: Any) -> Dict[str, Any]:
    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value):
            return _to_dict(value)
        return list(value) if isinstance(value, tuple) else value

    return {field.name: plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def _from_dict(cls: Type[_Config], values: Mapping[str, Any]) -> _Config:
    known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    _require(not unknown, "unknown {} field(s): {}".format(cls.__name__, ", ".join(unknown)))
    return cls(**values)


@dataclass(frozen=True)
class TeacherConfig:
    """The frozen ResNet whose stages 1-3 give the features f1, f2, f3.

    Attributes:
        name: ``"resnet18"`` or ``"resnet34"``.
        blocks: basic blocks in each of the three stages.
        channels: channels of f1 (stride 4), f2 (stride 8), f3 (stride 16).
    """

    name: str = "resnet34"
    blocks: Tuple[int, ...] = (3, 4, 6)
    channels: Tuple[int, ...] = (64, 128, 256)

    def __post_init__(self) -> None:
        _freeze_sequences(self)
        _require(len(self.blocks) == len(self.channels) == 3, "a teacher has three stages: {}".format(self))
        _require(min(self.blocks + self.channels) >= 1, "teacher blocks and channels must be positive")

    def to_dict(self) -> Dict[str, Any]:
        return _to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TeacherConfig:
        return _from_dict(cls, values)


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that fixes the shapes and the behaviour of an `SPMamba` network; defaults are the paper's.

    Attributes:
        input_size: side of the square input in pixels, a multiple of 32.
        teacher: the frozen feature extractor.
        fusion_channels: widths of the neck where f1 meets f2 (stride 8) and then f3 (stride 16).
        neck_blocks: ResNet bottleneck blocks at the end of the neck; H has ``decoder_channels[0]`` channels.
        decoder_channels: width of each decoder stage, at strides 32, 16, 8, 4.  Two to four stages: stage 0
            is not matched, stages 1, 2, 3 reconstruct f3, f2, f1.
        decoder_depths: state-space units in each stage; they form blocks of three, two or one
            (`units_per_block`).
        branch_kernels: kernel sizes of a block's depthwise convolution branches.
        state_size: N, size of the recurrent state of each channel.
        expand: inner width of a state-space unit as a multiple of its channels.
        directions: directional scans per unit: 2, 4 or 8.
        scan_order: name of the path over the grid (see `scan_order.ORDERS`).
        drop_path: drop rate of the deepest stage's units; falls linearly to 0 at the last unit.
        prototypes_per_cell: k, learned prototypes of each grid cell.
        prototype_window: side of the window in cells in which a prototype may find its match, odd.
        prototype_features: ``"neck"`` binds the prototypes to H (as the paper), ``"teacher"`` to f3.
        prototype_match: what slides in the window, ``"features"`` (the paper) or ``"prototypes"``.
        prototype_height_bins: sets of prototypes along a volume's slice axis; 1 for radiographs.
        prototype_space: where features and prototypes are compared, one of `SPACES`.
        prototype_scales: of ``"teacher"``: how many of its scales the prototypes see, the deepest first, on the grid of
            f3.
        prototype_centred: features are compared by how they differ from what is usual at their cell.
    """

    input_size: int = 256
    teacher: TeacherConfig = TeacherConfig()
    fusion_channels: Tuple[int, ...] = (128, 256)
    neck_blocks: int = 3
    decoder_channels: Tuple[int, ...] = (512, 256, 128, 64)
    decoder_depths: Tuple[int, ...] = (3, 4, 6, 3)
    branch_kernels: Tuple[int, ...] = (5, 7)
    state_size: int = 16
    expand: int = 2
    directions: int = 8
    scan_order: str = "circular-hilbert"
    drop_path: float = 0.2
    prototypes_per_cell: int = 5
    prototype_window: int = 3
    prototype_features: str = "neck"
    prototype_match: str = "features"
    prototype_height_bins: int = 1
    prototype_space: str = "plain"
    prototype_scales: int = 1
    prototype_centred: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.teacher, Mapping):
            object.__setattr__(self, "teacher", TeacherConfig.from_dict(self.teacher))
        _freeze_sequences(self)
        size, stages = self.input_size, len(self.decoder_channels)
        _require(size > 0 and size % NECK_STRIDE == 0,
                 "input_size must be a multiple of 32, not {}".format(size))
        _require(len(self.fusion_channels) == 2, "fusion_channels needs two widths (strides 8 and 16)")
        _require(2 <= stages <= 4, "the decoder has two to four stages, not {}".format(stages))
        _require(len(self.decoder_depths) == stages, "decoder_depths and decoder_channels differ in length")
        _require(self.decoder_channels[0] % 4 == 0, "decoder_channels[0] must be divisible by 4")
        for depth in self.decoder_depths:
            units_per_block(depth)
        _require(all(kernel % 2 == 1 for kernel in self.branch_kernels), "branch_kernels must be odd")
        _require(self.directions in (2, 4, 8), "directions must be 2, 4 or 8, not {}".format(self.directions))
        _require(0.0 <= self.drop_path < 1.0, "drop_path must be in [0, 1), not {}".format(self.drop_path))
        _require(self.prototype_window % 2 == 1, "prototype_window must be odd")
        _require(self.prototype_features in ("neck", "teacher"),
                 "prototype_features must be 'neck' or 'teacher', not {!r}".format(self.prototype_features))
        _require(self.prototype_match in ("features", "prototypes"),
                 "prototype_match must be 'features' or 'prototypes', not {!r}".format(self.prototype_match))
        _require(self.prototype_space in SPACES,
                 "prototype_space must be one of {}, not {!r}".format(", ".join(SPACES), self.prototype_space))
        _require(1 <= self.prototype_scales <= (3 if self.prototype_features == "teacher" else 1),
                 "prototype_scales must be 1 to 3 of the teacher, not {}".format(self.prototype_scales))
        counts = (self.neck_blocks, self.state_size, self.expand, self.prototypes_per_cell,
                  self.prototype_height_bins)
        _require(min(counts + self.fusion_channels + self.decoder_channels) >= 1,
                 "channels, counts and sizes must be positive")

    @property
    def matched_scales(self) -> Tuple[int, ...]:
        """Indices into (f1, f2, f3) of the features that the decoder reconstructs, finest first."""
        return tuple(range(4 - len(self.decoder_channels), 3))

    @property
    def prototype_grid(self) -> int:
        """Side of the grid of prototype cells."""
        return self.input_size // (NECK_STRIDE if self.prototype_features == "neck" else TEACHER_STRIDES[2])

    @property
    def prototype_channels(self) -> int:
        """Length of a prototype vector."""
        if self.prototype_features == "neck":
            return self.decoder_channels[0]
        return sum(self.teacher.channels[3 - self.prototype_scales:])

    def to_dict(self) -> Dict[str, Any]:
        """Plain JSON values; `from_dict` restores an equal config, also after a trip through JSON."""
        return _to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Raises ValueError for a field this version does not know: it could not honour it."""
        return _from_dict(cls, values)


def units_per_block(depth: int) -> int:
    """How many state-space units share one block in a stage of this depth (the paper's rule: threes first).

    3 -> 1 block of 3, 4 -> 2 of 2, 6 -> 2 of 3; a stage of depth 1 (not in the paper) is one block of 1.
    """
    if depth >= 1:
        for units in (3, 2):
            if depth % units == 0:
                return units
        if depth == 1:
            return 1
    raise ValueError("a decoder stage of depth {} cannot be cut into blocks of three or two".format(depth))


PRESETS: Dict[str, NetworkConfig] = {
    "paper": NetworkConfig(),
    # Two CPU cores can train and run this one: no 64-pixel stage, a state of 8, no inner expansion.  Its
    # prototypes sit on the teacher's finer, fixed f3 grid, so they can be computed from cached features
    # before training starts.
    "compact": NetworkConfig(
        teacher=TeacherConfig(name="resnet18", blocks=(2, 2, 2)),
        fusion_channels=(64, 128),
        neck_blocks=2,
        decoder_channels=(128, 96, 64),
        decoder_depths=(1, 2, 2),
        state_size=8,
        expand=1,
        prototype_features="teacher",
    ),
}
