"""Several processes, one training: `torchrun` starts them, each takes its rows of the same seeded global batch.

The result is that of one process with the whole batch, up to rounding (which AdamW scales up where a gradient is nearly
zero, as it does when a single process sums with another number of threads):

* every rank draws the same images and the same drop path masks, and keeps its own rows of both;
* batch norm takes its statistics from all ranks (`SharedBatchNorm`), forward and backward;
* gradients are averaged before they are clipped, so that every rank takes the same step.

Rank 0 reads the images, writes the files and reports.  A single process never touches torch.distributed.
"""
from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from ..errors import DeviceError, UsageError
from ..model.device import choose_device
from ..model.ss2d import StateSpaceUnit
from .adapt import at_least_single

PATIENCE = timedelta(days=1)  # the others wait while rank 0 reads images and calibrates
CHUNK = 1 << 28  # bytes sent at once


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; the default is a process of its own.

    Attributes:
        rank: number of this process; 0 leads.
        count: how many there are.
        device: what this one computes on.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """This rank's rows of a global batch.

        Raises:
            UsageError: the batch cannot be shared evenly.
        """
        if batch % self.count:
            raise UsageError("A batch of {} images cannot be shared evenly by {} processes.".format(batch, self.count))
        share = batch // self.count
        return slice(self.rank * share, (self.rank + 1) * share)

    @contextmanager
    def acting_as_one(self, network: nn.Module) -> Iterator[None]:
        """While entered, batch norm and drop path of `network` see the global batch; enter before the optimiser."""
        if self.count == 1:
            yield
            return
        units = [module for module in network.modules() if isinstance(module, StateSpaceUnit)]
        norms = [(parent, name, child) for parent in network.modules() for name, child in parent.named_children()
                 if isinstance(child, nn.BatchNorm2d)]
        for parent, name, child in norms:
            setattr(parent, name, SharedBatchNorm.of(child, self.count))
        for unit in units:
            unit.share = (self.rank, self.count)
        try:
            yield
        finally:
            for parent, name, child in norms:
                child.train(getattr(parent, name).training)
                setattr(parent, name, child)
            for unit in units:
                unit.share = (0, 1)

    def average_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Replace every gradient by its mean over the ranks."""
        if self.count == 1:
            return
        import torch.distributed as dist

        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.count
        for gradient, averaged in zip(gradients, flat.split([gradient.numel() for gradient in gradients])):
            gradient.copy_(averaged.view_as(gradient))

    def agree(self, loss: Tensor, stop: bool) -> Tuple[float, bool]:
        """(mean loss of the ranks, whether any of them wants to stop)."""
        if self.count == 1:
            return float(loss.detach()), stop
        import torch.distributed as dist

        told = torch.stack([loss.detach().double(), torch.tensor(float(stop), dtype=torch.float64, device=loss.device)])
        dist.all_reduce(told)
        return float(told[0]) / self.count, bool(told[1] > 0)

    def share_out(self, tensors: Optional[Dict[str, Tensor]], facts: Any = None) -> Tuple[Dict[str, Tensor], Any]:
        """Rank 0's tensors (on the CPU) and JSON facts, on every rank; the others give None."""
        if self.count == 1:
            assert tensors is not None
            return tensors, facts
        kinds = {str(dtype): dtype for dtype in (torch.float64, torch.float32, torch.float16, torch.int64, torch.uint8,
                                                 torch.int8, torch.bool)}
        given = tensors or {}
        header = {"facts": facts, "tensors": {name: [str(t.dtype), list(t.shape)] for name, t in given.items()}}
        told = json.loads(self._send(_bytes_of(json.dumps(header).encode("utf-8")) if self.leads else None)
                          .numpy().tobytes())
        received: Dict[str, Tensor] = {}
        for name, (kind, shape) in told["tensors"].items():
            data = self._send(given[name].contiguous().view(-1).view(torch.uint8) if self.leads else None)
            received[name] = data.view(kinds[kind]).view(shape)
        return received, told["facts"]

    def _send(self, data: Optional[Tensor]) -> Tensor:
        """Rank 0's bytes on every rank."""
        import torch.distributed as dist

        size = torch.tensor([0 if data is None else len(data)], dtype=torch.int64, device=self.device)
        dist.broadcast(size, 0)
        received = torch.empty(int(size), dtype=torch.uint8) if data is None else data
        for start in range(0, len(received), CHUNK):
            chunk = received[start:start + CHUNK].to(self.device)
            dist.broadcast(chunk, 0)
            if data is None:
                received[start:start + CHUNK] = chunk.cpu()
        return received


ALONE = Ranks()


def _bytes_of(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """The ranks of this run: as `torchrun` says in the environment, or a process of its own.

    Args:
        device: as for `load_model`; of several graphics cards every process takes its own.

    Raises:
        DeviceError: the device is absent, or has no way to talk to other processes.
    """
    count = int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1
    if count == 1:
        yield Ranks(device=choose_device(device))
        return
    import torch.distributed as dist

    chosen = choose_device(device)
    if chosen.type == "cuda":
        chosen = choose_device("cuda:{}".format(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(chosen)
    backend = "nccl" if chosen.type == "cuda" else "gloo"
    try:
        dist.init_process_group(backend, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise DeviceError("The {} processes of this training cannot reach each other.".format(count),
                          str(error)) from error
    try:
        yield Ranks(dist.get_rank(), count, chosen)
    finally:
        dist.destroy_process_group()


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the rows of all ranks, on any device; shares parameters and statistics with the one it replaces.

    Every rank has as many rows as the others.  In evaluation mode it is the ordinary one.
    """

    ranks: int

    @classmethod
    def of(cls, norm: nn.BatchNorm2d, ranks: int) -> SharedBatchNorm:
        shared = cls(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        shared.weight, shared.bias, shared.ranks = norm.weight, norm.bias, ranks
        shared.running_mean, shared.running_var = norm.running_mean, norm.running_var
        shared.num_batches_tracked = norm.num_batches_tracked
        return shared.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        values = at_least_single(x)
        mean = _SumOverRanks.apply(values.mean(dim=(0, 2, 3))) / self.ranks
        centred = values - mean[:, None, None]
        variance = _SumOverRanks.apply(centred.square().mean(dim=(0, 2, 3))) / self.ranks
        with torch.no_grad():
            count = x.numel() // x.shape[1] * self.ranks
            momentum = 0.1 if self.momentum is None else self.momentum
            assert self.running_mean is not None and self.running_var is not None
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
            self.running_var.lerp_((variance * count / max(count - 1, 1)).to(self.running_var.dtype), momentum)
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


class _SumOverRanks(torch.autograd.Function):
    """Sum over the ranks; the gradient of a sum that all ranks use is the sum of their gradients."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return _all_reduced(x)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Any:
        return _all_reduced(gradients[0])


def _all_reduced(x: Tensor) -> Tensor:
    import torch.distributed as dist

    total = x.detach().clone().contiguous()
    dist.all_reduce(total)
    return total


def trainable(network: nn.Module) -> List[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]
