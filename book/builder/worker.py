"""`python -m book.builder.worker`: the process that executes one chapter and ends when its builder does.

The job comes as the first line of standard input, which the builder then keeps open: when it closes, the builder is
gone, killed or not, and kernel and worker end. Standard output holds messages, one JSON object a line; the last one
says `{"seconds": ...}` or `{"headline": ..., "trace": ...}`.
"""

import json
import os
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from book.builder import fingerprint, kernel, sources
from book.builder.failures import ChapterFailed, ending, reason
from book.builder.job import Job


class Execution:
    """One chapter on its way: the executed notebook, the kernel, and the cell that runs."""

    def __init__(self, job: Job, folder: Path, send):
        self.job, self.folder, self.send = job, folder, send
        self.source = sources.read(job.root, job.chapter)
        self.cell = 0
        self.process = None

    def run(self, starts: int = 2) -> nbformat.NotebookNode:
        """Executes every cell with papermill, in the first kernel of `starts` that answers; raises `ChapterFailed`."""
        try:
            executed = papermill.execute_notebook(
                self.source,
                None,
                parameters=self.job.parameters,
                cwd=(self.job.root / self.job.chapter).parent,
                kernel_name="python3",
                kernel_manager_class=kernel.manager(self.job, self.folder, self._started),
                progress_bar=False,
                start_timeout=300,
                execution_timeout=self.job.cell_timeout or None,
                on_cell_start=self._at,
                on_cell_executed=self._executed,
                on_cell_error=self._raised,
            )
        except CellTimeoutError as error:
            limit = f"the cell ran longer than {self.job.cell_timeout} s, the limit for each (--cell-timeout)"
            raise self._failed(limit, str(error)) from None
        except DeadKernelError:
            code = None if self.process is None else self.process.poll()
            raise self._failed(f"the kernel died{'' if code is None else f' ({ending(code)})'}") from None
        except RuntimeError as error:  # what nbclient raises if none answers: another may have taken its ports
            if starts > 1:
                return self.run(starts - 1)
            raise ChapterFailed(f"{self.job.chapter}: the kernel did not start", str(error)) from None
        return sources.with_one_parameters_cell(executed)

    def end(self) -> None:
        """Ends the kernel and all that it has started."""
        if self.process is not None:
            kernel.end_group(self.process.pid)

    def _started(self, process) -> None:
        self.process = process
        self.send(kernel=process.pid)

    def _at(self, cell, cell_index: int) -> None:
        """`cell_index` counts the cell that papermill puts after the parameters, which the source does not have."""
        tags = [cell.metadata.get("tags", []) for cell in self.source.cells]
        place = next((number for number, known in enumerate(tags) if "parameters" in known), len(tags))
        self.cell = cell_index - (cell_index > place)
        self.send(cell=self.cell, of=len(self.source.cells))

    def _executed(self, cell, cell_index: int, execute_reply: dict) -> None:
        """`exit()` is a success to the kernel, which ends in silence: later cells would never run."""
        if any(item.get("source") == "ask_exit" for item in execute_reply["content"].get("payload", [])):
            raise self._failed("the cell ended the kernel with exit() or quit()")

    def _raised(self, cell, cell_index: int, execute_reply: dict) -> None:
        """Every error is a failure, whatever the cell is tagged; papermill itself takes `sys.exit()` for a success."""
        error = execute_reply["content"]
        raise self._failed(f"{error['ename']}: {error['evalue']}", "\n".join(error["traceback"]))

    def _failed(self, what: str, trace: str = "") -> ChapterFailed:
        return ChapterFailed(f"{self.job.chapter}, cell {self.cell}: {what}", trace)


def execute(job: Job, folder: Path, execution: Execution) -> None:
    """Executes a chapter into `folder/result`; nothing is kept if the sources are not those of the plan to the end."""
    start = time.monotonic()
    written = fingerprint.stamps(job.root, job.files)
    if name := fingerprint.changed(job.files, fingerprint.files(job.root, job.chapter)):
        raise ChapterFailed(f"{job.chapter}: {name} has changed since the build was planned; build again")
    executed = execution.run()
    (folder / "result" / "records").mkdir(exist_ok=True)
    nbformat.write(executed, folder / "result" / "notebook.ipynb")
    name = fingerprint.changed(job.files, fingerprint.files(job.root, job.chapter))
    if name := name or fingerprint.changed(written, fingerprint.stamps(job.root, job.files)):
        raise ChapterFailed(f"{job.chapter}: {name} changed while the chapter ran; the result is not kept, build again")
    facts = {"seconds": round(time.monotonic() - start, 1), "parameters": job.parameters, "facts": job.facts}
    (folder / "result" / "job.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _is_full(folder: Path) -> bool:
    """Whether a process that writes its settings to this disk would fail."""
    return shutil.disk_usage(folder).free < 16 * 1024


def main() -> int:
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever prints, prints no message

    def send(**message) -> None:
        messages.write(json.dumps(message) + "\n")
        messages.flush()

    job, folder = Job.from_json(sys.stdin.buffer.readline().decode()), Path(sys.argv[1])
    execution = None

    def watch() -> None:
        sys.stdin.buffer.read()
        if execution is not None:
            execution.end()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    start = time.monotonic()
    try:
        (folder / "result").mkdir()
        execution = Execution(job, folder, send)
        execute(job, folder, execution)
        send(seconds=time.monotonic() - start)
    except ChapterFailed as error:
        send(headline=error.headline + (", the disk is full" if _is_full(folder) else ""), trace=error.trace)
    except OSError as error:
        send(headline=f"{job.chapter}: {reason(error)}", trace=traceback.format_exc())
    except Exception as error:
        send(headline=f"{job.chapter}: {type(error).__name__}: {error}", trace=traceback.format_exc())
    finally:
        if execution is not None:
            execution.end()
    messages.close()
    os._exit(0)  # the thread that watches is still reading


if __name__ == "__main__":
    sys.exit(main())
