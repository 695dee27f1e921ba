"""Digits: a file that the test writes; and the one that comes with brainlib."""

import gzip

import pytest
import torch

from brainlib import data

NAME = "digits.csv.gz"
IMAGE = [0, 16, *range(9), *[0] * 53]


@pytest.fixture
def file(cache, register):
    def write(*rows):
        text = "\n".join(",".join(map(str, row)) for row in rows) + "\n"
        (cache / NAME).write_bytes(gzip.compress(text.encode()))
        register(NAME, (cache / NAME).read_bytes())

    return write


def test_a_row_is_an_image_and_its_digit(file):
    file([*IMAGE, 7], [*reversed(IMAGE), 0])
    images, labels = data.digits()
    assert images.dtype == torch.uint8 and images.shape == (2, 8, 8)
    assert images[0, 0].tolist() == IMAGE[:8] and images[1, 7].tolist() == IMAGE[7::-1]
    assert labels.tolist() == [7, 0]


@pytest.mark.parametrize(
    "row", [IMAGE, [*IMAGE, 10], [17, *IMAGE[1:], 1], [-1, *IMAGE[1:], 1], [0.5, *IMAGE[1:], 1]], ids=str
)
def test_rows_of_another_form_are_refused(file, row):
    file(row)
    with pytest.raises(data.DataError, match=rf"{NAME}: expected rows of 64 pixels, 0 to 16, and a digit, 0 to 9"):
        data.digits()


@pytest.mark.parametrize(
    "content", [b"no archive", gzip.compress(b"one,two\n", mtime=0), gzip.compress(b"1,2\n" * 9, mtime=0)[:-9]]
)
def test_a_damaged_file_is_refused(cache, register, content):
    (cache / NAME).write_bytes(content)
    register(NAME, content)
    with pytest.raises(data.DataError, match=rf"{NAME}: damaged, or not of the expected form"):
        data.digits()


def test_the_real_digits():
    images, labels = data.digits()
    assert images.shape == (1797, 8, 8) and int(images.max()) == 16
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[:10].tolist() == list(range(10))
    assert images[0, 0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
