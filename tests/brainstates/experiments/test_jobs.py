from functools import partial

import pytest
import torch

from brainlib.brainstates.experiments.jobs import finish


def square(number: int) -> dict:
    return {"square": number**2, "threads": torch.get_num_threads()}


def broken() -> dict:
    raise ValueError("number: got none")


def test_results_come_in_the_order_of_the_jobs(tmp_path):
    found = finish("squares", {str(n): partial(square, n) for n in (3, 1, 2)}, tmp_path, progress=False)
    assert [(key, one["square"]) for key, one in found.items()] == [("3", 9), ("1", 1), ("2", 4)]


def test_what_is_finished_is_not_done_again(tmp_path):
    jobs = {"1, 2": partial(square, 5)}
    finish("squares", jobs, tmp_path, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["squares-1,-2.json"]
    again = finish("squares", {"1, 2": broken, "3": partial(square, 3)}, tmp_path, progress=False)
    assert (again["1, 2"]["square"], again["3"]["square"]) == (25, 9)


def test_a_failure_is_raised_and_the_rest_is_kept(tmp_path):
    with pytest.raises(ValueError, match="number: got none"):
        finish("squares", {"1": partial(square, 1), "2": broken}, tmp_path, progress=False)
    assert (tmp_path / "squares-1.json").is_file()


def test_with_several_threads_two_processes_share_them(tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = finish("squares", {"1": partial(square, 1), "2": partial(square, 2)}, tmp_path, progress=False)
    finally:
        torch.set_num_threads(threads)
    assert [one["square"] for one in found.values()] == [1, 4]
    assert all(one["threads"] == 1 for one in found.values())
