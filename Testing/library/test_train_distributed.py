"""Two processes that train together do what one does with the whole batch."""
from __future__ import annotations

import os
import socket
from unittest import mock

import pytest
import tiny
import torch
import torch.multiprocessing
from test_train_resume import features

from SPMambaLib.errors import DeviceError, UsageError
from SPMambaLib.training.distributed import ALONE, Ranks, joined
from SPMambaLib.training.train import TrainingConfig, train_decoder

CONFIG = TrainingConfig(steps=5, batch=4, validate_every=2)


def train(ranks, precision=torch.float64):
    network = tiny.network(drop_path=0.4).to(precision)
    told = []
    losses = train_decoder(network, features(), CONFIG, ranks=ranks, validation=features(6), record=told.append)
    assert not any(type(module).__name__ == "SharedBatchNorm" for module in network.modules())
    return losses, [entry.get("validation_loss") for entry in told], network.state_dict()


def work(rank, port, path):
    """One of two processes; trains with and (as negative control) without averaged gradients."""
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank), MASTER_ADDR="127.0.0.1",
                      MASTER_PORT=str(port))
    with joined("cpu") as ranks:
        tensors = {"half": torch.arange(4).half(), "long": torch.tensor(7), "flags": torch.tensor([True, False])}
        shared, facts = ranks.share_out(tensors if ranks.leads else None, {"a": 1} if ranks.leads else None)
        assert facts == {"a": 1} and all(torch.equal(shared[name], tensors[name]) for name in tensors)
        assert ranks.agree(torch.tensor(float(rank)), rank == 1) == (0.5, True)
        results = [train(ranks), train(ranks, torch.float32)]
        with mock.patch.object(Ranks, "average_gradients", lambda *_: None):
            results.append(train(ranks))
        if ranks.leads:
            torch.save(results, path)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Losses, validation losses and weights of one process, two, two in single precision, two that do not average."""
    path = tmp_path_factory.mktemp("ranks") / "results"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, args=(port, str(path)), nprocs=2)
    return [train(ALONE), *torch.load(path, weights_only=True)]


def farthest(first, second) -> float:
    """Largest difference of the weights and running statistics."""
    return max(float((first[2][name].double() - second[2][name].double()).abs().max()) for name in first[2])


def test_two_processes_equal_one(results):
    """In double precision, where rounding is far below what AdamW's division by small gradients could scale up."""
    alone, together, _, _ = results
    assert farthest(alone, together) < 1e-5
    assert together[0] == pytest.approx(alone[0], abs=1e-9)
    assert alone[1][0] is None and together[1] == pytest.approx(alone[1], abs=1e-9)


def test_in_single_precision_the_losses_agree(results):
    alone, _, together, _ = results
    assert together[0][0] == pytest.approx(alone[0][0], abs=1e-6)
    assert together[0] == pytest.approx(alone[0], abs=1e-3)


def test_without_averaged_gradients_they_do_not(results):
    alone, _, _, apart = results
    assert farthest(alone, apart) > 1e-3


def test_a_batch_is_shared_evenly():
    assert Ranks(1, 2).rows(8) == slice(4, 8)
    with pytest.raises(UsageError, match="8 images .* 3 processes"):
        Ranks(0, 3).rows(8)


def test_a_process_of_its_own_meets_nobody(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with joined("cpu") as ranks:
        assert ranks == ALONE and not torch.distributed.is_initialized()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(DeviceError, match="2 processes"), joined("cpu"):
        pass
