"""Text to bytes and back; batches: targets one byte later, streams that go on, windows that cover, exact resumption."""

import pytest
import safetensors.torch
import torch
from refusals import refused

from brainlib import data

TEXT = torch.randint(0, 256, (1009,), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
COUNTER = torch.arange(251, dtype=torch.uint8)  # every byte tells its place
SOURCES = [data.RandomCrops, data.CoherentStreams]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_crops_begin_at_every_place_equally_often():
    batches = data.RandomCrops(COUNTER[:20], batch=1000, length=15, seed=3)
    starts = torch.cat([batches.next_batch()[0][:, 0] for _ in range(10)])
    counts = torch.bincount(starts)
    assert len(counts) == 5  # 20 - 15 places, the last crop ends with the text
    assert counts.min() > 1800 and counts.max() < 2200  # 2000 expected, standard deviation 40


def test_the_seed_alone_chooses_the_crops():
    torch.manual_seed(0)
    first = data.RandomCrops(TEXT, seed=5).next_batch()
    before = torch.get_rng_state()
    torch.manual_seed(1)
    assert same(data.RandomCrops(TEXT, seed=5).next_batch(), first)
    assert not same(data.RandomCrops(TEXT, seed=6).next_batch(), first)
    torch.manual_seed(0)
    assert torch.equal(torch.get_rng_state(), before)  # the global generator was left alone


@pytest.mark.parametrize("length", [7, 49])
def test_streams_go_on_where_they_stopped_and_wrap_around(length):
    batch, size = 5, 50  # 251 bytes: one is left over
    batches = data.CoherentStreams(COUNTER, batch=batch, length=length)
    read, last = [], None
    for _ in range(3 * size // length + 1):
        inputs, targets = batches.next_batch()
        assert torch.equal(inputs[:, 1:], targets[:, :-1])
        assert last is None or torch.equal(inputs[:, 0], last)
        last = targets[:, -1]
        read.append(inputs)
    streams = torch.cat(read, dim=1)
    for row, stream in enumerate(streams.tolist()):
        assert stream == [row * size + place % size for place in range(len(stream))]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("stop", [0, 17])
def test_a_resumed_source_goes_on_with_the_identical_batches(source, stop, tmp_path):
    batches = source(TEXT, batch=3, length=11)
    for _ in range(stop):
        batches.next_batch()
    state = batches.state_dict()
    safetensors.torch.save_file(state, tmp_path / "state.safetensors")
    expected = [batches.next_batch() for _ in range(40)]

    resumed = source(TEXT.clone(), batch=3, length=11)
    resumed.next_batch()
    resumed.load_state_dict(safetensors.torch.load_file(tmp_path / "state.safetensors"))
    assert all(same(resumed.next_batch(), batch) for batch in expected)
    resumed.load_state_dict(state)  # taking the state out froze it
    assert same(resumed.next_batch(), expected[0])


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("tokens", "batch", "length", "message"),
    [
        (TEXT, 4, 11, "batch: got a state with 3, expected 4"),
        (TEXT[:-1], 3, 11, "tokens: got a state with 1009, expected 1008"),
        (TEXT.flip(0), 3, 11, "tokens_hash: got a state with"),
    ],
)
def test_a_state_of_other_settings_is_refused_and_changes_nothing(source, tokens, batch, length, message):
    state = source(TEXT, batch=3, length=11).state_dict()
    batches, untouched = source(tokens, batch=batch, length=length), source(tokens, batch=batch, length=length)
    with pytest.raises(ValueError, match=message):
        batches.load_state_dict(state)
    assert same(batches.next_batch(), untouched.next_batch())


@pytest.mark.parametrize("size", [2, 8, 37])
@pytest.mark.parametrize(("length", "batch"), [(1, 4), (7, 1), (7, 4)])
def test_windows_predict_every_byte_but_the_first_once(size, length, batch):
    targets, inputs = [], []
    for x, y in data.windows(COUNTER[:size], length, batch):
        assert x.dtype == y.dtype == torch.int64
        assert x.shape == y.shape
        assert x.shape[0] <= batch and x.shape[1] <= length
        inputs += x.flatten().tolist()
        targets += y.flatten().tolist()
    assert inputs == list(range(size - 1))
    assert targets == list(range(1, size))


@pytest.mark.parametrize("make", [*SOURCES, lambda *args: data.windows(args[0], args[2], args[1])])
@pytest.mark.parametrize(
    ("tokens", "batch", "length", "message"),
    [
        (TEXT, 0, 10, "batch: got 0, expected a whole number of at least 1"),
        (TEXT, 2, -1, "length: got -1, expected a whole number of at least 1"),
        (TEXT.long(), 2, 10, r"tokens: got dtype torch\.int64, expected torch\.uint8"),
        (b"text", 2, 10, "tokens: got bytes, expected a tensor"),
    ],
)
def test_bad_arguments_are_refused_at_once(unchecked, make, tokens, batch, length, message):
    with pytest.raises(ValueError, match=message):
        make(tokens, batch, length)


def test_a_text_that_is_too_short_is_refused():
    refused("tokens: got 20 bytes, expected at least 21", data.RandomCrops, COUNTER[:20], batch=1, length=20)
    refused("tokens: got 79 bytes, expected at least 80", data.CoherentStreams, COUNTER[:79], batch=8, length=9)


@pytest.mark.parametrize("text", ["", "Speak, speak.", "Æneas, naïve, 龍, 🐉", "\0\n\r\t"])
def test_text_survives_the_way_to_bytes_and_back(text):
    tokens = data.encode(text)
    assert tokens.dtype == torch.uint8
    assert tokens.tolist() == list(text.encode())
    assert data.decode(tokens) == text
    assert data.decode(tokens.long()) == text


def test_half_a_character_is_replaced():
    assert data.decode(data.encode("龍!")[1:]) == "��!"


def test_what_spells_no_text_is_refused(unchecked):
    refused(r"tokens: got torch\.int64, expected whole numbers from 0 to 255", data.decode, torch.tensor([65, 256]))
    refused(r"tokens: got torch\.float32, expected whole numbers", data.decode, torch.tensor([65.0]))
    refused(r"tokens: got shape \(1, 3\), expected one dimension", data.decode, torch.zeros(1, 3, dtype=torch.uint8))


def test_the_last_tenth_is_held_out_where_the_official_demo_cuts():
    tokens = torch.arange(205, dtype=torch.uint8)
    train, held_out = data.split(tokens)
    assert train.tolist() == list(range(184)) and held_out.tolist() == list(range(184, 205))
    assert [len(part) for part in data.split(torch.zeros(1_115_394, dtype=torch.uint8))] == [1_003_854, 111_540]


@pytest.mark.parametrize(("size", "share"), [(100, 0), (100, 1), (100, -0.1), (100, float("nan")), (1, 0.1), (5, 0.9)])
def test_a_cut_that_leaves_a_part_empty_is_refused(unchecked, size, share):
    with pytest.raises(ValueError, match=f"held_out: got {share} of {size} bytes, expected a share that"):
        data.split(torch.zeros(size, dtype=torch.uint8), share)
