from refusals import refused

from brainlib.timescales.curricula import (
    Curriculum,
    all_at_once,
    from_scratch,
    multi_head,
    single_head,
    sliding_window,
)


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
