"""Text to bytes and back, and the cut between training and held-out text."""

import pytest
import torch
from refusals import refused

from brainlib import data


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
