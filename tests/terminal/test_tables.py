"""What a terminal shows: answers, tables, and the words that must stand beside figures."""

import io
import re
import sys

import numpy as np
import pytest
from rich.console import Console

from emovox import terminal
from emovox.corpora.listing import Listing
from emovox.evaluation import compare, evaluate
from emovox.listening import Prediction
from emovox.models import KINDS
from fake_run import fake_run


def console(width=100, live=False):
    return Console(file=io.StringIO(), width=width, force_terminal=live, highlight=False, color_system=None)


def shown(where):
    return where.file.getvalue()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    small = {"models": ("cnn", "yamnet"), "speakers": 6}
    return [
        fake_run(folder / "by-speaker", "speakers1", **small),
        fake_run(folder / "dealt", "holdout", seeds=2, name="synthetic", **small),
    ]


def test_a_study_is_shown_best_first_with_intervals(runs):
    where = console()
    evaluation = evaluate(runs[0])
    terminal.show_evaluation(where, evaluation)
    text = shown(where)
    first = max(evaluation.models.values(), key=lambda model: model.uar.value)
    rows = [line.split()[0] for line in text.splitlines() if line.strip().startswith(("cnn", "yamnet"))]
    assert rows[0] == first.name
    score = first.uar
    assert f"{100 * score.value:.1f} [{100 * score.low:.0f}–{100 * score.high:.0f}]" in text
    assert "speakers1" in text
    assert "12.5 % by chance" in text
    assert "eaky" not in text
    assert "ynthetic" not in text


def test_pairs_sets_and_gaps_are_shown(tmp_path):
    run = fake_run(tmp_path / "run", "speakers6", models=("cnn", "yamnet"))
    where, evaluation = console(), evaluate(run)
    terminal.show_pairs(where, evaluation)
    terminal.show_trust(where, evaluation)
    text = shown(where)
    (pair,) = evaluation.pairs
    assert f"{pair.one} – {pair.other}" in text
    assert f"{100 * pair.uar.value:.1f} [{100 * pair.uar.low:.1f}, {100 * pair.uar.high:.1f}]" in text
    for model in evaluation.models.values():
        assert re.search(rf"{model.name} .*{100 * model.sets.coverage.value:.1f} +{model.sets.size:.2f}", text)
    gaps = [part for part in evaluation.best.breakdowns if part.gap and part.gap.low > 0]
    assert text.count("points higher on") == len(gaps)


@pytest.mark.parametrize(("speakers", "said"), [(3, "1 test speaker"), (6, "1 test speaker"), (48, "8 test speakers")])
def test_few_test_speakers_are_warned_of(tmp_path, speakers, said):
    where = console(200)
    terminal.show_evaluation(where, evaluate(fake_run(tmp_path / "run", models=("cnn",), speakers=speakers)))
    assert (f"Only {said}: other voices may be" in shown(where)) == (speakers < 48)
    assert f" of {said.replace('test ', '')}. UAR" in shown(where)


def test_synthetic_and_leaky_are_said(runs):
    where = console()
    terminal.show_evaluation(where, evaluate(runs[1]))
    assert "Synthetic corpus: no person spoke" in shown(where)
    assert "Leaky: test speakers are in training too" in shown(where)
    assert re.search(r"\d ± \d", shown(where))


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_terminal(runs, width):
    where = console(width)
    for run in runs:
        evaluation = evaluate(run)
        terminal.show_evaluation(where, evaluation)
        terminal.show_classes(where, evaluation)
        terminal.show_pairs(where, evaluation)
        terminal.show_trust(where, evaluation)
    terminal.show_comparison(where, compare(runs))
    cells = [line for line in shown(where).splitlines() if line.startswith("  ")]
    assert max(len(line.rstrip()) for line in cells) <= width
    assert "…" not in shown(where)


def test_a_comparison_keeps_apart_what_was_judged_on_other_clips(runs):
    where = console(120)
    terminal.show_comparison(where, compare(runs))
    text = shown(where)
    assert len(re.findall(r"\] +best", text)) == 2
    assert "holdout (leaky)" in text
    assert "ravdess, " in text and "synthetic, " in text


def test_the_end_of_a_run_names_files_that_exist_and_the_next_step(runs):
    (runs[0].path / "report.html").write_text("")
    where = console()
    terminal.show_finished(where, runs[0], evaluate(runs[0]), {})
    text = shown(where)
    assert f"Report   {runs[0].path / 'report.html'}" in text
    assert "training_summary.txt" not in text
    assert f"emovox predict recording.wav --run {runs[0].path}" in text


HOSTILE = "[red] [/fear] :fire: \x1b[31m\x9b \u202e caf\udce9"
HARMLESS = r"[red] [/fear] :fire: \x1b[31m\x9b \u202e caf\xe9"


def test_foreign_text_is_shown_and_does_nothing(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    screen = terminal.Screen(stderr=True)
    heard = Prediction((HOSTILE, "calm"), np.float32([0.75, 0.25]))
    screen.print(HOSTILE)
    screen.print(terminal.prediction_line("a.wav", heard), soft_wrap=True)
    terminal.show_listings(screen, [Listing("Counts", ("what",), ((HOSTILE,),))])
    text = sys.stderr.getvalue()
    assert text.count(HARMLESS) == 3
    assert set(re.findall(r"[^\x20-\x7e]", text)) <= {"\n", "─"}


def test_what_people_write_is_left_as_it_is():
    for text in ("wütend", "怒り", "غضب", "nice\u200cly", "🙂"):
        assert terminal.visible(text) == text


def test_a_terminal_of_letters_gets_letters():
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=terminal.SPELT)
    written.write("61.2 ± 0.3 [45–67] × 3 … wütend 🙂")
    written.flush()
    assert written.buffer.getvalue() == rb"61.2 +/- 0.3 [45-67] x 3 ... w\xfctend \U0001f642"


def test_a_listing_becomes_a_table_with_its_numbers_on_the_right():
    where = console(60)
    terminal.show_listings(where, [Listing("Sizes [all]", ("name", "clips"), (("a [b]", "7"), ("c", "1,440")))])
    assert "Sizes [all]" in shown(where)
    assert "a [b]" in shown(where)
    assert re.search(r"a \[b\] +7 *\n", shown(where))


def test_kinds_are_shown_with_every_variant_and_all_their_parameters():
    where = console(80)
    terminal.show_kinds(where, KINDS.values())
    text = shown(where)
    assert re.search(r"cnn +CNN +default +\d[\d,]+ *\n +reference +94,600 *\n", text)
    assert re.search(r"cnn_lstm +CNN-LSTM ", text) and "2,156,616" in text
    assert re.search(r"ensemble +Ensemble +default +those of its members", text)
    for kind in KINDS.values():
        assert len(re.findall(rf" {kind.title} ", text)) == 1
        assert all(variant in text.split() for variant in kind.variants)
    assert max(len(line.rstrip()) for line in text.splitlines() if line.startswith("  ")) <= 80
    assert "Parameters: all of them" in text


def test_only_what_combines_others_has_no_parameters_of_its_own():
    without = {kind.name for kind in KINDS.values() if not all(kind.variants.values())}
    assert without == {"ensemble"}


def test_an_unsure_prediction_says_so():
    heard = Prediction(("calm", "angry"), np.float32([0.45, 0.55]), abstains=True)
    assert terminal.prediction_line("x.wav", heard).plain.startswith("x.wav  not sure (at most angry 55%)")
