"""The report says what the evaluation says, stands alone, and never shows a figure without its warning."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from emovox.corpora.describe import Description
from emovox.errors import StorageError
from emovox.evaluation import Evaluation, evaluate
from emovox.report import anchors, figures, html, summary, write_report
from emovox.report import corpus as corpus_plots
from emovox.report.corpus import plot_description
from emovox.runs import Run
from fake_run import LABELS, fake_corpus, fake_run

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """The parts of a page that matter here; a tag that is left open or closed twice is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Evaluation]:
    run = fake_run(tmp_path_factory.mktemp("runs") / "honest", "speakers6", seeds=2, repetitions=2)
    return run, evaluate(run)


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Evaluation]:
    run = fake_run(tmp_path_factory.mktemp("runs") / "leaky", "holdout", name="synthetic", models=("cnn",), speakers=6)
    return run, evaluate(run)


@pytest.fixture(scope="module")
def written(honest: tuple[Run, Evaluation]) -> Path:
    return write_report(*honest).parent


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are drawn, in place of files."""
    kept: list[Figure] = []
    for module in (figures, corpus_plots):
        monkeypatch.setattr(module, "save", lambda figure, path: (kept.append(figure), path)[1])
    return kept


def words(figure: Figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(Text) if text.get_visible())


def test_everything_is_written(written: Path) -> None:
    names = ["final_comparison_all_models.png", "report.html", "training_summary.txt"]
    names += [
        f"figures/{kind}_{model}.png" for kind in ("confusion", "history") for model in ("cnn", "cnn_lstm", "yamnet")
    ]
    for name in names:
        assert (written / name).stat().st_size > 1000, name
    assert not list(written.glob(".*"))


def test_pictures_are_sharp_and_not_blank(written: Path) -> None:
    for path in [written / "final_comparison_all_models.png", *(written / "figures").iterdir()]:
        picture = matplotlib.image.imread(path)
        assert picture.shape[1] >= 700
        assert 0.01 < (picture[..., :3].min(axis=2) < 0.95).mean() < 0.9


def test_the_page_stands_alone(written: Path) -> None:
    page = Page((written / "report.html").read_text(encoding="utf-8"))
    assert "script" not in page.seen
    assert "link" not in page.seen
    sources = [value for name, value in page.attributes if name == "src"]
    pictures = [written / "final_comparison_all_models.png"]
    for model in ("yamnet", "cnn", "cnn_lstm"):
        pictures += [written / "figures" / f"confusion_{model}.png", written / "figures" / f"history_{model}.png"]
    assert [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in sources] == [
        path.read_bytes() for path in pictures
    ]
    targets = {value for name, value in page.attributes if name == "id"}
    for name, value in page.attributes:
        if name == "href":
            assert value.startswith("#")
            assert value[1:] in targets
    assert len([name for name, value in page.attributes if name == "alt" and value]) == len(sources)


def test_the_page_says_what_the_evaluation_says(written: Path, honest: tuple[Run, Evaluation]) -> None:
    text = Page((written / "report.html").read_text(encoding="utf-8")).text
    for model in honest[1].models.values():
        assert f"{100 * model.uar.value:.1f}" in text
        assert f"{100 * model.uar.low:.1f}–{100 * model.uar.high:.1f}" in text
        assert f"{model.parameters:,} parameters" in text
    for phrase in ("speakers6", "EmoBox", "Livingstone and Russo", "62.4", "CC-BY-NC-SA-4.0", "01, 11, 20, 21",
                   "long short-term memory", "Transfer learning", "0123456789abcdef", "learning_rate ="):  # fmt: skip
        assert phrase in text, phrase
    assert "synthetic" not in text
    assert str(honest[0].path) not in text


def test_a_part_of_the_corpus_stands_beside_no_published_figure(tmp_path: Path) -> None:
    """Nor are its folds those that were published."""
    run = fake_run(tmp_path / "part", "speakers6", models=("cnn",), speakers=8)
    text = Page(write_report(run, evaluate(run)).read_text(encoding="utf-8")).text
    for phrase in ("EmoBox", "Livingstone and Russo, 2018", "Whisper"):
        assert phrase not in text, phrase
    assert "6 folds by speaker" in text


def test_a_report_made_twice_is_the_same(written: Path, honest: tuple[Run, Evaluation]) -> None:
    before = (written / "report.html").read_bytes()
    run = Run.open(written)
    assert write_report(run, evaluate(run)).read_bytes() == before


def test_what_a_corpus_says_of_itself_cannot_break_the_page(leaky: tuple[Run, Evaluation], tmp_path: Path) -> None:
    run, evaluation = leaky
    evil = '<script>alert(1)</script> & "quoted"'
    kept = evaluation.corpus["citation"]
    evaluation.corpus["citation"] = evil
    try:
        picture = figures.confusion(evaluation, evaluation.models["cnn"], tmp_path / "picture.png")
        page = html.page(run, evaluation, dict.fromkeys(("final", "confusion_cnn", "history_cnn"), picture))
    finally:
        evaluation.corpus["citation"] = kept
    parsed = Page(page)
    assert "script" not in parsed.seen
    assert evil in parsed.text


def test_no_table_nor_figure_goes_without_its_warning(
    leaky: tuple[Run, Evaluation], drawn: list[Figure], tmp_path: Path
) -> None:
    run, evaluation = leaky
    model = evaluation.models["cnn"]
    figures.final_comparison(evaluation, tmp_path / "a.png")
    figures.confusion(evaluation, model, tmp_path / "b.png")
    figures.history(evaluation, model, tmp_path / "c.png")
    assert len(drawn) == 3
    for figure in drawn:
        assert "synthetic" in words(figure)
        assert "leaky: speakers shared" in words(figure)
    blank = tmp_path / "blank.png"
    blank.write_bytes(b"")
    page = html.page(run, evaluation, dict.fromkeys(("final", "confusion_cnn", "history_cnn"), blank))
    notes = re.findall(r'<p class="note">(.*?)</p>', page)
    assert len(notes) >= 3
    for caption in [
        *notes,
        *re.findall(r"<figcaption>(.*?)</figcaption>", page),
        *re.findall("<title>(.*?)</title>", page),
    ]:
        assert "synthetic" in caption
        assert "leaky" in caption
    told = summary.text(evaluation, run.path)
    assert "synthetic · leaky: speakers shared" in told.splitlines()[0]
    assert "no use for real voices" in " ".join(told.split())


def test_an_honest_figure_carries_no_warning_but_chance_people_and_systems(
    honest: tuple[Run, Evaluation], drawn: list[Figure], tmp_path: Path
) -> None:
    figures.final_comparison(honest[1], tmp_path / "a.png")
    said = words(drawn[0])
    assert "synthetic" not in said
    assert "leaky" not in said
    for phrase in ("chance\n12.5", "people\n62.4", "Whisper-large-v3", "wav2vec 2.0 base", "24 speakers", "each seed"):
        assert phrase in said, phrase
    for model in honest[1].models.values():
        assert f"{100 * model.uar.value:.1f} [{100 * model.uar.low:.1f}–{100 * model.uar.high:.1f}]" in said
    for label in LABELS:
        assert label in said


def test_anchors_stand_only_beside_what_they_were_measured_on(
    honest: tuple[Run, Evaluation], leaky: tuple[Run, Evaluation], tmp_path: Path
) -> None:
    assert anchors.people(honest[1]) is anchors.PEOPLE
    assert [anchor.protocol for anchor in anchors.systems(honest[1])] == ["speakers6"] * 4
    assert anchors.people(leaky[1]) is None
    assert anchors.systems(leaky[1]) == ()
    one = evaluate(fake_run(tmp_path / "one", "speakers1", models=("cnn",), repetitions=2))
    assert anchors.people(one) is anchors.PEOPLE
    assert anchors.systems(one) == ()


def test_the_confusion_figure_shows_shares_of_each_row(
    honest: tuple[Run, Evaluation], drawn: list[Figure], tmp_path: Path
) -> None:
    model = honest[1].models["yamnet"]
    figures.confusion(honest[1], model, tmp_path / "a.png")
    shares = 100 * model.confusion / model.confusion.sum(axis=1, keepdims=True)
    image = drawn[0].axes[0].images[0].get_array()
    assert image is not None
    np.testing.assert_allclose(image, shares)
    texts = {text.get_position(): text.get_text() for text in drawn[0].axes[0].texts}
    for i, j in np.ndindex(8, 8):
        assert texts.get((j, i), "") == (f"{shares[i, j]:.0f}" if shares[i, j] >= 0.5 else "")


def test_the_summary_is_a_page_that_ends_well(written: Path, honest: tuple[Run, Evaluation]) -> None:
    text = (written / "training_summary.txt").read_text(encoding="utf-8")
    assert text.endswith("\nTRAINING COMPLETED SUCCESSFULLY\n")
    assert max(len(line) for line in text.splitlines()) <= 110
    assert len(text.splitlines()) < 70
    assert "22 November 2026" in text
    assert "six folds by two seeds" in text
    for model in honest[1].models.values():
        assert f"{100 * model.accuracy.value:.1f} ± {100 * (model.accuracy.deviation or 0):.1f}" in text
    assert "report.html" in text
    assert "artifacts/" not in text  # this run has none, so none is promised


def test_an_unfinished_run_does_not_claim_to_be_complete(tmp_path: Path) -> None:
    from fake_run import fake_result

    run = fake_run(tmp_path / "run", finish=False, models=("cnn", "yamnet"), speakers=8)
    run.write_result(run.jobs[0], fake_result(run, run.jobs[0]))
    evaluation = evaluate(run, finished_only=True)
    told = summary.text(evaluation, run.path)
    assert summary.COMPLETED not in told
    assert told.splitlines()[-1].startswith("TRAINING NOT YET COMPLETE: YAMNet left")


def test_a_model_that_learnt_nothing_is_called_so(tmp_path: Path) -> None:
    from fake_run import fake_result

    run = fake_run(tmp_path / "run", finish=False, models=("cnn",), speakers=8)
    (job,) = run.jobs
    result = fake_result(run, job, epochs=1)
    constant = np.tile(np.eye(8, dtype=np.float32)[4], (len(result.test_ids), 1))
    run.write_result(job, type(result)(**{**vars(result), "test_probabilities": constant}))
    told = " ".join(summary.text(evaluate(run), run.path).split())
    assert "CNN answers angry whatever it hears: it has learnt nothing." in told
    assert "It learnt for one epoch and" in told


def test_trainings_of_unequal_length_and_nan_losses_are_drawn(drawn: list[Figure], tmp_path: Path) -> None:
    from fake_run import fake_result

    run = fake_run(tmp_path / "run", seeds=3, finish=False, models=("cnn",), speakers=8)
    for epochs, job in zip((3, 9, 30), run.jobs, strict=True):
        result = fake_result(run, job, epochs)
        history = {**result.history, "val_loss": [float("nan"), *result.history["val_loss"][1:]]}
        run.write_result(job, type(result)(**{**vars(result), "history": history}))
    evaluation = evaluate(run)
    figures.history(evaluation, evaluation.models["cnn"], tmp_path / "a.png")
    mean = drawn[0].axes[0].lines[3]
    assert mean.get_label() == "training"
    assert len(mean.get_xdata()) == 9  # two of the three trainings went on so far


def test_a_full_disk_is_one_line(honest: tuple[Run, Evaluation], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(StorageError, match=r"final_comparison.*No space left on device; free some space"):
        write_report(*honest)


def described(folder: Path, name: str) -> Description:
    corpus = fake_corpus(folder, name, speakers=4)
    n = len(corpus.clips)
    rng = np.random.default_rng(0)
    seconds = rng.normal(3.7, 0.3, n)
    seconds[:2] = [np.nan, 9.0]
    rms = rng.normal(-35, 5, n)
    rms[0] = np.nan
    return Description(
        corpus=corpus,
        seconds=seconds,
        speech_seconds=seconds - 1.6,
        peak_dbfs=np.minimum(rms + 15, 0),
        rms_dbfs=rms,
        sample_rate_hz=np.array([0, 16000, *[48000] * (n - 2)]),
        channels=np.array([0, 2, *[1] * (n - 2)]),
        subtypes=("", *["PCM_16"] * (n - 1)),
        remarks=(),
    )


def test_a_corpus_is_plotted_with_what_stands_out(tmp_path: Path) -> None:
    paths = plot_description(described(tmp_path / "corpus", "ravdess"), tmp_path / "plots")
    assert [path.name for path in paths] == ["classes.png", "durations.png", "levels.png", "formats.png"]
    for path in paths:
        assert matplotlib.image.imread(path).shape[1] >= 1400


def test_plots_of_a_synthetic_corpus_say_so(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_description(described(tmp_path / "corpus", "synthetic"), tmp_path / "plots")
    assert len(drawn) == 4
    for figure in drawn:
        assert "synthetic" in [text.get_text() for text in figure.texts]
    assert "unreadable" in words(drawn[3])


def test_plots_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("a file stands here")
    with pytest.raises(StorageError, match="choose another place"):
        plot_description(described(tmp_path / "corpus", "ravdess"), tmp_path / "plots")
