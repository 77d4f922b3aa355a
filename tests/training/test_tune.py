import pytest

from training.config import Config
from training.tune import NothingTried, tune


def test_a_search_goes_on_where_it_was_and_writes_its_best_settings(dataset, config, tmp_path):
    quick = config.replace(epochs=1)
    lines: list[str] = []

    tune(dataset, quick, folder=tmp_path, budget_s=60, n_trials=2, say=lines.append)
    best = tune(dataset, quick, folder=tmp_path, budget_s=60, n_trials=1, say=lines.append)

    assert Config.read(tmp_path / "best.toml") == best
    assert "best of 3" in lines[-1]
    assert best.replace(**{name: getattr(quick, name) for name in changed(best, quick)}) == quick


def changed(one, other):
    return [name for name, value in one.to_json().items() if other.to_json()[name] != value]


def test_no_time_is_a_sentence(dataset, config, tmp_path):
    with pytest.raises(NothingTried, match="No trial came to an end in 0 s"):
        tune(dataset, config, folder=tmp_path, budget_s=0, n_trials=1)
