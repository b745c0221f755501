"""Progress: bars in a terminal, now and then a line elsewhere, and the time left."""

import io
import threading

import pytest
from rich.console import Console

from emovox.terminal import StageProgress, progress


def console(width=100, live=False):
    return Console(file=io.StringIO(), width=width, force_terminal=live, highlight=False, color_system=None)


def shown(where):
    return where.file.getvalue()


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_stage_ends_with_one_line_that_tells_its_time(clock):
    where = console()
    with StageProgress(where) as display:
        for done in range(4):
            clock[0] += 2
            display("features", done, 3)
    assert shown(where) == "features: 3/3 in 6 s\n"


def test_without_a_terminal_time_left_is_said_now_and_then(clock):
    where = console()
    with StageProgress(where) as display:
        for done in range(10):
            clock[0] += 24
            display("cnn", done, 100)
    assert [line.split(",")[0] for line in shown(where).splitlines()] == ["cnn: 3/100", "cnn: 6/100", "cnn: 9/100"]
    assert shown(where).startswith("cnn: 3/100, about 38 min 48 s left\n")  # 72 s for 3, so 2328 s for 97


def test_a_stage_that_is_named_again_starts_anew(clock):
    where = console()
    with StageProgress(where) as display:
        for done in (0, 1, 0, 1):
            clock[0] += 1
            display("verify", done, 1)
    assert shown(where) == 2 * "verify: 1/1 in 1.0 s\n"


@pytest.mark.parametrize("live", [False, True])
def test_the_end_of_a_stage_is_told_once(clock, live):
    where = console(live=live)
    with StageProgress(where) as display:
        for done in (14, 28, 28):  # two members, of which the second stopped early
            display("fold1/cnn", done, 28)
            clock[0] += 60
    assert shown(where).count("28/28 in") == 1


def test_a_stage_of_one_step_has_no_time(clock):
    where = console()
    StageProgress(where)("report", 1, 1)
    assert shown(where) == "report: 1/1\n"


def test_a_stage_s_name_is_no_markup(clock):
    where = console(live=True)
    with StageProgress(where) as display:
        display("[red]", 1, 2)
        clock[0] += 1
        display._bars.refresh()
    assert "[red]" in shown(where)


def test_bars_show_bytes_and_leave_when_done(clock):
    where = console(live=True)
    with StageProgress(where) as display:
        display("download", 50_000_000, 208_468_073)
        clock[0] += 1
        display._bars.refresh()
        assert "50.0/208.5 MB" in shown(where)
        display("download", 208_468_073, 208_468_073)
        assert display._bars.task_ids == []
    assert "download: 208.5/208.5 MB in" in shown(where)


def test_stages_that_end_at_once_get_no_bar(clock):
    where = console(live=True)
    with StageProgress(where) as display:
        display("cnn", 1, 2)
        display._bars.refresh()
        assert "cnn" not in shown(where)
        clock[0] += 1
        display._bars.refresh()
        assert "cnn" in shown(where)


def test_bars_fit_a_small_terminal(clock):
    where = Console(file=io.StringIO(), width=40, height=8, force_terminal=True, color_system=None)
    with StageProgress(where) as display:
        for number in range(20):
            display.measured(f"stage{number}", {"val_uar": 0.5})
            display(f"stage{number}", 0, 2)
        clock[0] += 1
        lines = where.render_lines(display._bars.get_renderable())
    assert len(lines) == 6
    assert all("50 %" in "".join(piece.text for piece in line) for line in lines)


def test_time_left_comes_from_all_steps_so_far(clock):
    with StageProgress(console(live=True)) as display:
        for done in range(3):
            display("verify", done, 10)
            clock[0] += 100
        assert display._bars.tasks[0].time_remaining == 800


def test_an_unknown_total_is_a_count_without_an_end(clock):
    with StageProgress(console(live=True)) as display:
        display("download", 10, 0)
        assert display._bars.tasks[0].total is None


def test_stages_may_come_from_several_threads():
    where = console()
    with StageProgress(where) as display:
        threads = [
            threading.Thread(target=lambda n=n: [display(f"stage{n}", i, 50) for i in range(51)]) for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert shown(where).count("50/50") == 8


STAGES = "check", "prepare", "train", "report"


def head(where, display):
    """The line above the bars."""
    return "".join(piece.text for piece in where.render_lines(display._bars.get_renderable())[0]).strip()


def test_the_stages_of_a_command_stand_in_a_line(clock):
    where = console(live=True)
    with StageProgress(where, STAGES) as display:
        display("check", 10, 20)
        assert head(where, display).startswith("check 10/20 → prepare → train → report")
        clock[0] += 9
        display("prepare · cnn", 1, 20)
        clock[0] += 30
        display("train", 1, 4)
        assert head(where, display).startswith("check 9 s → prepare 30 s → train 1/4 → report")
        assert head(where, display).endswith("39 s gone")
        display("cnn · fold1", 1, 4)
        assert [task.description for task in display._bars.tasks] == ["prepare · cnn", "cnn · fold1"]


def test_the_time_left_of_the_whole_comes_from_the_steps_of_all_trainings(clock):
    """After the first step 11 more took 50 s, and 30 are left."""
    where = console(live=True)
    with StageProgress(where, STAGES) as display:
        display.planned({"a": 20, "b": 20, "c": 2, "head": 0})
        display("train", 0, 4)
        for done in range(1, 7):
            clock[0] += 10
            for name in ("a", "b"):
                display(name, done, 20)
        assert head(where, display).endswith("1 min 00 s gone, about 2 min 16 s left")
        clock[0] += 5
        assert head(where, display).endswith("1 min 05 s gone, about 2 min 11 s left")
        for name, total in (("a", 20), ("b", 20), ("c", 2)):
            display(name, total, total)
        assert "left" not in head(where, display)


def test_validation_uar_is_shown_beside_its_training(clock):
    where, plain = console(live=True), console()
    for console_, seconds in ((where, 0), (plain, 70)):
        with StageProgress(console_, STAGES) as display:
            for done, uar in enumerate((0.2, 0.6, 0.5), start=1):
                display.measured("cnn", {"val_uar": uar})
                display("cnn", done, 4)
                clock[0] += seconds
            clock[0] += 2
            display._bars.refresh()
            display("cnn", 4, 4)
    assert "▂▅▅ UAR 50 %" in shown(where)
    assert "cnn: 3/4, validation UAR 50 %, about" in shown(plain)
    for each in (where, plain):
        assert "validation UAR up to 60 %" in shown(each)
