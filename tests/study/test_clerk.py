"""What is to be written waits in order while a server is away, for so long as patience lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from pipeline.errors import StudyBusy, StudyUnreachable
from pipeline.study import clerk
from pipeline.study.clerk import Background


class Server:
    """Takes what is written while it is there; `lost` answers are those of commits that were done."""

    def __init__(self) -> None:
        self.away, self.lost, self.asleep, self.written, self.said = False, 0, 0.0, [], []
        self.taken = False

    def write(self, what: object) -> Callable[[], object]:
        def act() -> object:
            time.sleep(self.asleep)
            if self.away:
                raise StudyUnreachable("the study's database", where="there", why="refused", remedy="")
            if what not in self.written:
                self.written.append(what)
            if self.lost:
                self.lost -= 1
                raise StudyUnreachable("the study's database", where="there", why="reset", remedy="")
            return what

        return act

    def keep(self) -> None:
        if self.taken:
            raise StudyBusy("this study", why="process 42", remedy="")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(clerk, "_PAUSE_SECONDS", 0.01)
    return Server()


@pytest.fixture
def background(server: Server) -> Iterator[Background]:
    made = Background(server.keep, lambda: None, server.said.append, patience=20.0)
    yield made
    made.close()


def test_what_is_written_is_there_when_the_call_returns(server: Server, background: Background) -> None:
    for number in range(50):
        background.write(server.write(number))
        assert server.written[-1] == number and not background.behind
    assert server.said == []


def test_what_finds_the_server_away_waits_in_order_and_holds_nobody_up(server: Server, background: Background) -> None:
    server.away = True
    background.write(server.write(0))
    begun = time.monotonic()
    for number in range(1, 200):
        background.write(server.write(number))
    assert time.monotonic() - begun < 1.0 and background.behind and background.problem is None
    server.away = False
    background.settle()
    assert server.written == list(range(200)) and not background.behind
    assert [line.partition(" is ")[2][:4] for line in server.said] == ["away", "back"]


def test_an_answer_that_is_lost_after_the_commit_is_asked_for_again(server: Server, background: Background) -> None:
    server.lost = 3
    entry = background.submit(server.write("trial"))
    background.settle()
    assert entry.result == "trial" and server.written == ["trial"]


def test_after_its_patience_it_says_so_and_nothing_more_is_written(server: Server) -> None:
    impatient = Background(server.keep, lambda: None, server.said.append, patience=0.3)
    server.away = True
    impatient.write(server.write(0))
    with pytest.raises(StudyUnreachable, match=r"for 0.005 minutes: refused — run the same command again") as caught:
        impatient.settle()
    assert caught.value.exit_code == 4
    server.away = False
    impatient.write(server.write(1))
    time.sleep(0.1)
    assert server.written == [] and isinstance(impatient.problem, StudyUnreachable)


def test_a_server_that_hangs_is_away_too(server: Server) -> None:
    impatient = Background(server.keep, lambda: None, server.said.append, patience=0.2)
    server.asleep = 2.0
    entry = impatient.submit(server.write(0))
    with pytest.raises(StudyUnreachable, match="over one commit"):
        impatient.settle()
    assert not entry.done.is_set()


def test_asked_to_end_it_waits_for_seconds_only(server: Server, background: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clerk, "_HURRY_SECONDS", 0.1)
    server.away = True
    background.write(server.write(0))
    background.hurry()
    with pytest.raises(StudyUnreachable):
        background.settle()


def test_a_study_that_another_process_has_is_written_no_more(server: Server, background: Background) -> None:
    server.taken = True
    background.write(server.write(0))
    with pytest.raises(StudyBusy):
        background.settle()
    server.taken = False
    background.write(server.write(1))
    assert server.written == [] and isinstance(background.problem, StudyBusy)


def test_a_defect_is_raised_and_not_tried_again(server: Server, background: Background) -> None:
    background.write(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        background.settle()
    with pytest.raises(ZeroDivisionError):
        background.problem  # noqa: B018  # asking is what raises


@pytest.mark.parametrize("value", ["90", "0.5"])
def test_the_environment_says_how_long_patience_lasts(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(clerk.PATIENCE, value)
    made = Background(lambda: None, lambda: None, print)
    assert made._patience == float(value)
    made.close()
