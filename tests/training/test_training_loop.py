import pytest
import torch
from refusals import refused
from tiny_run import TinyBatches, tiny_config, tiny_evaluation, tiny_loss, tiny_model, tiny_train
from torch import nn

from brainlib.training import train


def test_it_learns_and_measures_every_step():
    _, history = tiny_train(steps=150, precision="auto", dropout=0.0, evaluate_every=50)
    assert len(history.losses) == len(history.learning_rates) == len(history.gradient_norms) == 150
    assert history.losses[-1] < 0.75 * history.losses[0]
    assert [step for step, _ in history.evaluations] == [50, 100, 150]
    assert history.evaluations[-1][1] < history.evaluations[0][1]
    assert history.precision in ("float32", "bfloat16")
    assert history.parameters == sum(parameter.numel() for parameter in tiny_model().parameters())
    assert history.seconds > 0


def test_a_step_is_that_of_plain_pytorch():
    model, reference = tiny_model(0.0), tiny_model(0.0)
    config = tiny_config(steps=5, clip_norm=0.5, weight_decay=0.3, betas=(0.8, 0.9))
    history = train(model, tiny_loss, TinyBatches(), config, progress=False)
    optimizer = torch.optim.AdamW(reference.parameters(), lr=1.0, betas=(0.8, 0.9), weight_decay=0.3)
    batches, state = TinyBatches(), None
    for step in range(5):
        value, state = reference(*batches.next_batch(), state)
        state = state._replace(hidden=state.hidden.detach())
        optimizer.zero_grad()
        value.backward()
        norm = nn.utils.clip_grad_norm_(reference.parameters(), 0.5)
        optimizer.param_groups[0]["lr"] = history.learning_rates[step]
        optimizer.step()
        assert history.losses[step] == pytest.approx(value.item(), rel=1e-6)
        assert history.gradient_norms[step] == pytest.approx(norm.item(), rel=1e-5)
    for mine, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_the_seed_decides_and_the_callers_generator_is_left_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    _, first = tiny_train()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    _, second = tiny_train()
    _, other = tiny_train(seed=8)
    assert first.losses == second.losses != other.losses


def test_evaluation_is_in_eval_mode_and_changes_nothing():
    model = tiny_model()
    model.dropout.eval()
    seen = []

    def evaluate(model: nn.Module) -> torch.Tensor:
        seen.append((model.training, torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")))
        torch.rand(5)
        return torch.tensor(1.5)

    config = tiny_config(precision="bfloat16")
    history = train(model, tiny_loss, TinyBatches(), config, evaluate, progress=False)
    assert seen == [(False, False, False)] * 3
    assert history.evaluations == [(5, 1.5), (10, 1.5), (12, 1.5)]
    assert model.training and not model.dropout.training
    assert train(tiny_model(), tiny_loss, TinyBatches(), config, progress=False).losses == history.losses


def test_bfloat16_is_for_the_products_only():
    inside = []

    def loss(model, batch, state):
        inside.append(model.readout(torch.ones(1, 12)).dtype)
        return model(*batch, state)

    model = tiny_model()
    history = train(model, loss, TinyBatches(), tiny_config(precision="bfloat16"), progress=False)
    assert inside == [torch.bfloat16] * 12
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert history.precision == "bfloat16"
    assert history.losses != tiny_train()[1].losses


class Lopsided(TinyBatches):
    def next_batch(self):
        return torch.zeros(4, 3), torch.zeros(3)


def test_unfit_arguments_are_named(unchecked):
    usual = {"model": tiny_model(), "loss": tiny_loss, "batches": TinyBatches(), "config": tiny_config()}

    def unfit(message, **changed):
        refused(f"^{message}", train, **usual | {"progress": False} | changed)

    unfit("model: has no parameters", model=nn.ReLU())
    unfit("model: parameter 'embedding.weight' is torch.float64", model=tiny_model().double())
    unfit(r"batch: .* first dimensions \[\(3,\), \(4,\)\]", batches=Lopsided())
    unfit("folder: .* is a file", folder=__file__)
    unfit("loss: returned Tensor, expected a pair", loss=lambda model, batch, state: model(*batch, state)[0])
    unfit("loss: returned tensor.*, expected a scalar", loss=lambda model, batch, state: (torch.ones(()), None))
    unfit("state: got set", loss=lambda model, batch, state: (model(*batch, None)[0], {1}))


@pytest.mark.parametrize("when", ["loss", "gradient"])
def test_a_loss_that_is_not_finite_stops_the_run_before_the_model_is_spoiled(when, tmp_path):
    calls = []

    def loss(model, batch, state):
        calls.append(1)
        value, state = model(*batch, state)
        if len(calls) == 8:
            # The square root of 0 is 0, but its slope is infinite.
            value = value * torch.inf if when == "loss" else value + (model.readout.bias * 0).sum().sqrt()
        return value, state

    model = tiny_model()
    with pytest.raises(FloatingPointError, match=r"^step 8: the loss is"):
        train(model, loss, TinyBatches(), tiny_config(), folder=tmp_path, progress=False)
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-00000003.safetensors",
        "step-00000006.safetensors",
    ]
    whole, _ = tiny_train()
    again = tiny_model()
    train(again, tiny_loss, TinyBatches(), tiny_config(), folder=tmp_path, progress=False)
    assert all(map(torch.equal, again.parameters(), whole.parameters()))


def test_the_bar_can_be_shown_and_hidden(capsys, monkeypatch):
    train(tiny_model(), tiny_loss, TinyBatches(), tiny_config(), tiny_evaluation)
    shown = capsys.readouterr().err
    assert "training: 100%" in shown and "12/12" in shown and "held out" in shown
    tiny_train()
    assert capsys.readouterr() == ("", "")
