"""The trainer in one process: what a step is, and what stops it."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from acn_bench.training import optimizers, row_order
from acn_bench.training.faults import TrainingDiverged
from acn_bench.training.recipe import Recipe


def close(a, b):
    return all(torch.allclose(a[k], b[k], rtol=1e-4, atol=1e-6) for k in a)


@pytest.fixture
def whole(small_training):
    """A training without interruption."""
    return small_training.train()


def test_accumulated_micro_batches_of_unequal_weights_train_as_one_batch(small_training, whole):
    parts = small_training.train(micro_batch=5)
    assert parts["steps"] == pytest.approx(whole["steps"], rel=1e-5)
    assert close(parts["trained"], whole["trained"])


def test_the_loss_is_that_of_a_plain_loop(small_training):
    """Written out, with the formulas of the libraries."""
    torch.manual_seed(0)
    model, task = small_training.Network(), small_training.Task()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    losses = []
    for step in range(4):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * min(step / 3, 1)
        rows = row_order.order(3, 0, 50)[16 * step : 16 * step + 16]
        batch = task.batch(rows, 0)
        loss = task.loss(model, batch, 0, 0) / batch.weight
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    trained = small_training.train(epochs=1, schedule="constant")
    assert trained["steps"] == pytest.approx(losses, rel=1e-5)
    for name, weight in model.state_dict().items():
        assert torch.allclose(trained["trained"][f"trained.{name}"], weight, atol=1e-6)


def test_every_row_is_trained_on_once_an_epoch_and_the_last_batch_is_short(small_training, whole):
    assert whole["output"].rows == 3 * 50
    assert whole["output"].steps == 3 * 4
    dropped = small_training.train(drop_last=True)["output"]
    assert (dropped.steps, dropped.rows) == (3 * 3, 3 * 48)
    few = small_training.train(max_steps=5)["output"]
    assert (few.steps, len(few.losses)) == (5, 2)  # an epoch, and a part of one


def test_the_mean_loss_of_an_epoch_is_over_its_items(small_training):
    first = small_training.train(epochs=1)
    order = row_order.order(3, 0, 50)
    weights = [small_training.Task().weights[part].sum().item() for part in order.split(16)]
    mean = sum(w * loss for w, loss in zip(weights, first["steps"], strict=True)) / sum(weights)
    assert first["output"].losses == pytest.approx([mean], rel=1e-6)


def test_epochs_differ_in_their_order_and_seeds_too():
    orders = [row_order.order(seed, epoch, 100) for seed in range(2) for epoch in range(2)]
    assert all(sorted(order.tolist()) == list(range(100)) for order in orders)
    assert all(not torch.equal(a, b) for a, b in pairwise(orders))


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 5, 16])
def test_processes_share_a_step_without_loss_and_meet_equally_often(count, world_size):
    rows = torch.arange(count) + 7
    shares = [row_order.micro_batches(rows, 2, rank, world_size) for rank in range(world_size)]
    assert len({len(share) for share in shares}) == 1
    counted = torch.cat([part for share in shares for part, counts in share if counts])
    assert sorted(counted.tolist()) == rows.tolist()


def test_the_average_follows_the_raw_module(small_training, whole):
    trained, averaged = whole["trained"], whole["weights"]
    assert any(not torch.equal(trained[f"trained.{k[9:]}"], value) for k, value in averaged.items())
    immediate = small_training.train(ema_decay=0.0)
    for name, value in immediate["weights"].items():
        assert torch.allclose(value, immediate["trained"][f"trained.{name[9:]}"])


@pytest.mark.slow
def test_the_average_moves_and_names_stay_under_compile(small_training, whole):
    compiled = small_training.train(compiled=True)
    assert close(compiled["weights"], whole["weights"])


def test_networks_without_autocast_of_their_own_get_it_for_bf16(small_training):
    seen = []
    model = small_training.Network()
    model.head.register_forward_hook(lambda *call: seen.append(call[-1].dtype))
    small_training.train(model=model, precision="bf16", max_steps=1)
    assert set(seen) == {torch.bfloat16}


@pytest.mark.parametrize(
    ("changes", "factors"),
    [
        ({"schedule": "constant"}, [0, 0.5, 1, 1, 1, 1, 1]),
        ({"schedule": "linear"}, [0, 0.5, 1, 0.75, 0.5, 0.25, 0]),
        ({"schedule": "cosine", "final_learning_rate": 0.1}, [0, 0.5, 1, 0.868, 0.55, 0.232, 0.1]),
    ],
)
def test_the_learning_rate_warms_up_from_zero_and_decays(changes, factors):
    recipe = Recipe(epochs=1, batch_size=1, learning_rate=1.0, warmup_steps=2, **changes)
    found = [optimizers.factor(recipe, step, 6) for step in range(7)]
    assert found == pytest.approx(factors, abs=1e-3)


def test_norms_and_biases_decay_only_where_the_recipe_says_so():
    recipe = Recipe(epochs=1, batch_size=1, learning_rate=1.0, weight_decay=0.1, decay_norms=False)
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    decayed, others = optimizers.optimizer(model, recipe).param_groups
    assert [p.ndim for p in decayed["params"]] == [2]
    assert (decayed["weight_decay"], others["weight_decay"], len(others["params"])) == (0.1, 0, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "batch_size is 1 or more, not 0"),
        ({"ema_decay": 1.0}, "ema_decay is at least 0 and below 1, not 1.0"),
        ({"learning_rate": float("nan")}, "learning_rate is 0 or more, not nan"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'.*cosine"),
    ],
)
def test_a_recipe_names_the_value_that_is_wrong(changes, message):
    with pytest.raises((ValueError, LookupError), match=message):
        Recipe(**{"epochs": 1, "batch_size": 1, "learning_rate": 0.1} | changes)


def test_fewer_rows_than_a_whole_batch_are_refused_before_training():
    recipe = Recipe(epochs=1, batch_size=8, learning_rate=0.1, drop_last=True)
    with pytest.raises(ValueError, match="5 rows are no whole batch of 8"):
        recipe.steps(5)


# ---------------------------------------------------------------- when it goes wrong


def test_nan_in_one_row_stops_with_the_step_its_rows_and_the_last_good_checkpoint(
    small_training, tmp_path
):
    poisoned = row_order.order(3, 0, 50)[20].item()  # in the second step
    with pytest.raises(TrainingDiverged) as caught:
        small_training.train(tmp_path, poisoned=poisoned, every=1)
    error = caught.value
    assert (error.step, error.epoch) == (1, 0)
    assert poisoned in error.rows
    assert len(error.rows) == 16
    assert error.checkpoint == tmp_path / "step-000000001"
    assert f"the training loss became nan in step 1, epoch 0, on rows {error.rows[0]}, " in str(error)  # fmt: skip
    assert str(error.checkpoint) in str(error)


def test_an_exploding_loss_stops(small_training):
    with pytest.raises(TrainingDiverged, match=r"rose to .*, above the limit of 0\.1, in step 0"):
        small_training.train(loss_limit=0.1)


def test_weights_that_are_no_numbers_are_never_saved(small_training, tmp_path):
    """A finite loss can have a gradient that is not."""
    model = small_training.Network()
    model.stem.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(TrainingDiverged, match="a weight is no finite number after the update"):
        small_training.train(tmp_path, model=model, every=1, clip_norm=None)
    assert not list(tmp_path.glob("step-*"))
