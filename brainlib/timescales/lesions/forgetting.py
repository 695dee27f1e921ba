"""What a network still knows of the spans that it solved earlier."""

import torch

from brainlib.timescales.curricula import Curriculum
from brainlib.timescales.network import Network
from brainlib.timescales.report import Report
from brainlib.timescales.school import School
from brainlib.timescales.tasks import Rate, Task
from brainlib.timescales.testing import accuracy


def remembered(
    network: Network,
    task: Task,
    curriculum: Curriculum,
    stage: int,
    sequences: int,
    generator: torch.Generator,
    rate: Rate = 0.5,
) -> dict[int, float]:
    """The accuracy for every span that was practised up to `stage` of the curriculum, ascending; each is answered by
    the head that answered it last.

    Bits are balanced by default, where guessing gets one half (for "task" see `tasks.chance`). Raises as
    `Curriculum.spans` and `testing.accuracy`. Used in chapters/timescales/03_lesions.ipynb.
    """
    taught: dict[int, int] = {}
    for earlier in range(stage + 1):
        taught |= zip(curriculum.spans(earlier), curriculum.heads(earlier), strict=True)
    spans = sorted(taught)
    return accuracy(network, task, spans, [taught[span] for span in spans], sequences, generator, rate)


def forgetting(
    report: Report, school: School, sequences: int, generator: torch.Generator, rate: Rate = 0.5
) -> dict[int, dict[int, float]]:
    """For each stage that was passed, by its largest span: what `remembered` says of the network as it was then.

    Raises as `remembered`. Used in chapters/timescales/03_lesions.ipynb.
    """
    passed = [epoch.spans[-1] for epoch in report.history if epoch.passed]
    return {
        span: remembered(report.network_at(span), school.task, school.curriculum, stage, sequences, generator, rate)
        for stage, span in enumerate(passed)
    }
