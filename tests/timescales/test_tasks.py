"""The tasks against their definitions, a sequence and a span at a time; and which of them a curriculum asks when."""

import statistics

import pytest
import torch
from refusals import refused

from brainlib.arguments import seeded
from brainlib.timescales import tasks
from brainlib.timescales.curricula import (
    Curriculum,
    all_at_once,
    from_scratch,
    multi_head,
    single_head,
    sliding_window,
)


def parity(sequence: list[int], span: int) -> int:
    return sum(sequence[-span:]) % 2


def match(sequence: list[int], span: int) -> int:
    return int(sequence[-span] == sequence[-1])


@pytest.mark.parametrize(("task", "slowly"), [("parity", parity), ("match", match)])
@pytest.mark.parametrize("spans", [(2,), (2, 3, 4, 5), (7, 4, 13), (13,)])
@pytest.mark.parametrize("batch", [1, 9])
def test_answers_are_those_of_the_definition(task, slowly, spans, batch):
    bits = tasks.draw_bits(13, batch, seeded(0))
    expected = [[slowly([int(bit) for bit in bits[:, row, 0]], span) for row in range(batch)] for span in spans]
    assert tasks.answers(task, bits, spans).tolist() == expected


def test_bits_are_bits_with_a_rate_of_their_own_or_the_one_given():
    own = tasks.draw_bits(400, 500, seeded(0)).squeeze(-1)
    assert own.dtype == torch.float32 and own.unique().tolist() == [0, 1]
    rates = own.mean(0)
    assert abs(rates.mean() - 0.5) < 0.05 and abs(rates.std() - 12**-0.5) < 0.02  # those of U(0, 1)
    given = tasks.draw_bits(400, 500, seeded(0), rate=0.3).mean(0)
    assert abs(given.mean() - 0.3) < 0.005 and given.std() < 0.03
    assert tasks.draw_bits(5, 7, seeded(0), rate=0.0).sum() == 0
    assert tasks.draw_bits(5, 7, seeded(0), rate=1.0).sum() == 35


def test_a_batch_is_of_one_length_between_the_spans_bounds():
    source = seeded(0)
    lengths = [len(tasks.draw("parity", [2, 3], 1, source)[0]) for _ in range(400)]
    assert set(lengths) == set(range(5, 14))
    assert abs(statistics.mean(lengths) - (2.5 * 3 + 1.5)) < 0.5
    bits, answers = tasks.draw("match", [2, 3], 4, source, length=3)
    assert bits.shape == (3, 4, 1) and answers.shape == (2, 4)
    assert torch.equal(answers, tasks.answers("match", bits, [2, 3]))


def test_the_tasks_own_rates():
    parity_bits, _ = tasks.draw("parity", [2], 500, seeded(0), length=200)
    match_bits, _ = tasks.draw("match", [2], 500, seeded(0), length=200)
    assert parity_bits.mean(0).std() > 0.25 > 0.05 > match_bits.mean(0).std()
    assert torch.equal(match_bits, tasks.draw("match", [2], 500, seeded(0), rate=0.5, length=200)[0])
    assert torch.equal(parity_bits, tasks.draw("parity", [2], 500, seeded(0), rate=None, length=200)[0])


@pytest.mark.parametrize("task", ["parity", "match"])
@pytest.mark.parametrize("rate", [None, 0.2])
@pytest.mark.parametrize("span", [3, 4])
def test_chance_is_what_the_commoner_answer_gets(task, rate, span):
    sequences = 40_000
    _, answers = tasks.draw(task, [span], sequences, seeded(0), rate, length=span)
    ones = float(answers.float().mean())
    likely = tasks.chance(task, span, rate)
    assert abs(max(ones, 1 - ones) - likely) < 4 * (likely * (1 - likely) / sequences) ** 0.5


bits = torch.zeros(5, 2, 1)


def test_bad_input_is_named(unchecked):
    refused("length: got sequences of 5 bits, expected at least .* span, 6", tasks.answers, "parity", bits, [3, 6])
    refused(r"spans: got \[\], expected some of at least 1", tasks.answers, "parity", bits, [])
    refused("length: got sequences of 8 bits", tasks.draw, "parity", [9], 2, seeded(0), length=8)
    refused("batch: got 0, expected at least 1", tasks.draw, "parity", [9], 0, seeded(0))
    refused("rate: got 1.5, expected a chance from 0 to 1", tasks.draw_bits, 1, 1, seeded(0), 1.5)
    refused("task: got 'sum', expected one of parity, match", tasks.answers, "sum", bits, [2])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_answers_do_not_hang_on_the_precision_of_the_bits(dtype):
    bits = torch.ones(2051, 1, 1, dtype=dtype)
    spans = [256, 257, 258, 2049, 2050]
    assert tasks.answers("parity", bits, spans).flatten().tolist() == [span % 2 for span in spans]


def stages(curriculum, count):
    return [(curriculum.spans(stage), curriculum.heads(stage)) for stage in range(count)]


def test_a_single_head_answers_for_one_span_after_the_other():
    assert stages(single_head(), 3) == [((2,), (0,)), ((3,), (0,)), ((4,), (0,))]
    assert single_head(7).spans(2) == (9,)


def test_many_heads_keep_all_spans():
    assert stages(multi_head(), 3) == [((2,), (0,)), ((2, 3), (0, 1)), ((2, 3, 4), (0, 1, 2))]
    assert multi_head(4).spans(1) == (2, 3, 4, 5)


def test_a_window_slides_and_its_heads_belong_to_places():
    window = sliding_window()
    assert [window.spans(stage)[::9] for stage in range(3)] == [(2, 11), (7, 16), (12, 21)]
    assert {window.heads(stage) for stage in range(3)} == {tuple(range(10))}


def test_with_fresh_heads_a_span_keeps_its_own():
    window = sliding_window(width=4, stride=3, fresh_heads=True)
    owner = {}
    for spans, heads in stages(window, 5):
        for span, head in zip(spans, heads, strict=True):
            assert owner.setdefault(span, head) == head
    assert sorted(owner.values()) == list(range(16))


def test_without_a_curriculum_there_is_one_stage():
    assert stages(from_scratch(9), 1) == [((9,), (0,))]
    assert stages(all_at_once(4), 1) == [((2, 3, 4), (0, 1, 2))]
    assert from_scratch(9).last(0) and all_at_once(4).last(0) and not multi_head().last(50)
    refused("stage: got 1, expected at least 0 and below 1", from_scratch(9).spans, 1)


def test_what_makes_no_sense_is_refused():
    refused("smallest: got 1, expected a span of at least 2", single_head, 1)
    refused("largest: got 1, expected at least smallest = 2", all_at_once, 1)
    refused(r"moves: got \(0, 0\)", sliding_window, stride=0)
    refused(r"moves: got \(2, 1\)", Curriculum, "narrowing", 2, 5, moves=(2, 1))
    refused("stages: got 0", Curriculum, "none", 2, 2, stages=0)
    refused("stage: got -1", multi_head().spans, -1)
