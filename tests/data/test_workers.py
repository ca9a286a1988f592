from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path

import psutil
import pytest

from pipeline.data.workers import FEW, Crashed, mapped, worker_count
from tests import repository

MANY = 3 * FEW


def nothing() -> None:
    return None


def here() -> int:
    return os.getpid()


def no_context() -> None:
    raise LookupError("no such source")


def dying_context() -> None:
    os._exit(7)


def square(_context: object, item: int) -> int:
    return item * item


def context_and_process(context: int, _item: int) -> tuple[int, int]:
    return context, os.getpid()


def die(how: Callable[[], object], at: tuple[int, ...], item: int) -> int:
    if item in at:
        how()
    return item


def kill(_context: object, item: int) -> int:
    return die(lambda: os.kill(os.getpid(), signal.SIGKILL), (150,), item)


def segfault(_context: object, item: int) -> int:
    return die(lambda: os.kill(os.getpid(), signal.SIGSEGV), (0, 150, 151, MANY - 1), item)


def leave(_context: object, item: int) -> int:
    return die(lambda: os._exit(3), (150,), item)


def fail(_context: object, item: int) -> int:
    return 1 // (item - 150)


def threads(_context: object, _item: int) -> tuple[str | None, str | None]:
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("OPENBLAS_NUM_THREADS")


def large(_context: object, item: bytes) -> bytes:
    return item


def die_once(_context: object, item: tuple[int, str]) -> int:
    number, marker = item
    if number == 150 and Path(marker).exists():
        Path(marker).unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def processes() -> list[psutil.Process]:
    """The workers of this process; multiprocessing's own tracker is none."""
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.parametrize(
    ("items", "workers"), [(0, 1), (0, 2), (1, 2), (FEW - 1, 2), (FEW, 1), (FEW, 2), (FEW, 3), (MANY + 1, 1), (MANY + 1, 2)]
)
def test_results_come_in_the_order_of_the_items(items: int, workers: int) -> None:
    assert list(mapped(square, nothing, range(items), workers)) == [item * item for item in range(items)]


@pytest.mark.parametrize(("workers", "items"), [(1, MANY), (2, FEW - 1)])
def test_few_items_or_one_worker_start_no_process(workers: int, items: int) -> None:
    assert set(mapped(context_and_process, here, range(items), workers)) == {(os.getpid(), os.getpid())}


def test_the_context_is_made_once_in_each_process() -> None:
    pairs = Counter(mapped(context_and_process, here, range(2000), 2))
    assert len(pairs) == 2
    assert all(context == process != os.getpid() for context, process in pairs)


@pytest.mark.parametrize(
    ("function", "reason", "lost"),
    [
        (kill, "killed by SIGKILL", [150]),
        (segfault, "killed by SIGSEGV", [0, 150, 151, MANY - 1]),
        (leave, "exit code 3", [150]),
    ],
)
def test_a_process_that_dies_costs_only_its_item(function: Callable[[object, int], int], reason: str, lost: list[int]) -> None:
    found = list(mapped(function, nothing, range(MANY), 2))
    assert found == [Crashed(reason) if item in lost else item for item in range(MANY)]


def test_a_process_killed_from_outside_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "marker").touch()
    items = [(number, str(tmp_path / "marker")) for number in range(MANY)]
    assert list(mapped(die_once, nothing, items, 2)) == list(range(MANY))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_is_raised_here(workers: int) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        list(mapped(fail, nothing, range(MANY), workers))
    assert workers == 1 or "in fail" in "".join(raised.value.__notes__)
    assert processes() == []


@pytest.mark.parametrize(
    ("context", "error"),
    [
        (no_context, pytest.raises(LookupError, match="no such source")),
        (dying_context, pytest.raises(ChildProcessError, match="code 7")),
    ],
    ids=["raises", "dies"],
)
def test_a_context_that_fails_is_an_error_and_not_a_row_of_crashes(context: Callable[[], None], error: pytest.RaisesExc) -> None:
    with error:
        list(mapped(square, context, range(MANY), 2))


def test_items_are_taken_no_further_ahead_than_a_bound() -> None:
    taken = count()

    def items() -> Iterator[int]:
        for _ in range(1_000_000):
            yield next(taken)

    results = mapped(square, nothing, items(), 2)
    assert list(islice(results, 1000)) == [item * item for item in range(1000)]
    results.close()  # type: ignore[attr-defined]
    assert next(taken) <= 1000 + 2 * 4 * 64 + 64


def test_large_items_and_results_do_not_block_each_other() -> None:
    items = [bytes([number % 256]) * 300_000 for number in range(FEW + 20)]
    assert list(mapped(large, nothing, items, 2)) == items


def test_a_worker_computes_with_one_thread_and_this_process_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert set(mapped(threads, nothing, range(MANY), 2)) == {("1", "1")}
    assert threads(None, 0) == ("8", None)


def test_stopping_early_leaves_no_process() -> None:
    results = mapped(square, nothing, count(), 2)
    assert next(results) == 0
    assert len(processes()) == 2
    results.close()  # type: ignore[attr-defined]
    assert processes() == []


@pytest.mark.parametrize(("sent", "to_all"), [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGKILL, False)])
def test_when_the_parent_is_stopped_its_workers_go_too(tmp_path: Path, sent: signal.Signals, to_all: bool) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import itertools
        from pipeline.data.workers import mapped
        from tests.data.test_workers import nothing, processes, square
        if __name__ == "__main__":
            results = mapped(square, nothing, itertools.count(), 2)
            next(results)
            print(*[each.pid for each in processes()], flush=True)
            for _ in results: pass
        """)
    )
    # Not measured: interrupted, coverage tells at exit of itself.
    environment = {name: value for name, value in repository.environment().items() if not name.startswith("COVERAGE")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, script], env=environment, start_new_session=True, **pipes) as parent:
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        if to_all:  # as a terminal does
            os.killpg(parent.pid, sent)
        else:
            parent.send_signal(sent)
        _, errors = parent.communicate(timeout=60)
    assert psutil.wait_procs(children, timeout=30)[1] == []
    assert errors.count("Traceback") == (1 if sent == signal.SIGINT else 0)


def test_auto_is_as_many_as_this_process_may_use() -> None:
    assert (worker_count(3), worker_count("3")) == (3, 3)
    assert 1 <= worker_count("auto") <= (os.cpu_count() or 1)
