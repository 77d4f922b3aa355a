import pytest

from tests.bench.replay.__main__ import main


@pytest.mark.slow
def test_the_short_form_replays_real_campaigns_and_goes_on_where_it_was(shared, tmp_path, capsys):
    arguments = [
        str(shared / "data"),
        "--short",
        "--seeds=1",
        "--processes=1",
        f"--work={tmp_path}",
    ]
    assert main(arguments) == 0
    printed = capsys.readouterr()

    assert "| clear galaxies, 93.1 % | 14 times fewer than 40 |" in printed.out
    assert "### DECaLS, shape question" in printed.out
    assert "seed 0" in printed.err
    assert (tmp_path / "replay.png").read_bytes().startswith(b"\x89PNG")

    main(arguments)
    again = capsys.readouterr()
    assert "seed 0" not in again.err
    assert again.out.splitlines()[:-1] == printed.out.splitlines()[:-1]


def test_a_folder_without_the_tables_is_refused(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert "name the folder of the public tables" in capsys.readouterr().out
