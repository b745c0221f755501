"""A model card for every artifact (Mitchell et al., 2019), filled from what the run's files hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from emovox.errors import typed
from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.files import write_text
from emovox.models import KINDS
from emovox.report import anchors
from emovox.report.cautions import cautions
from emovox.report.words import caution, corpus_name, interval, model_title, percent, plural
from emovox.runs import Run

OUT_OF_SCOPE = (
    "Decisions about people: hiring, marks, credit, policing, borders, diagnosis.",
    "Recognising emotions at work or in education, which is forbidden in the European Union but for medical and safety "
    "reasons (Regulation (EU) 2024/1689, article 5).",
    "Listening to people who have not agreed to it.",
    "Languages, ages, rooms and microphones on which it was not measured.",
)


def write_cards(run: Run, evaluation: Evaluation) -> None:
    """Write a Markdown card beside every artifact of the run.

    Raises:
        StorageError: One cannot be written.
    """
    for name, model in evaluation.models.items():
        artifact = run.at.artifact(name)
        if artifact.exists():
            write_text(artifact.with_suffix(".md"), card(run, evaluation, model))


def card(run: Run, evaluation: Evaluation, model: ModelEvaluation) -> str:
    """The card of one model, Markdown."""
    return "\n".join(_lines(run, evaluation, model)).rstrip() + "\n"


def _lines(run: Run, evaluation: Evaluation, model: ModelEvaluation) -> Iterator[str]:
    about, kind, title = evaluation.corpus, KINDS[model.kind], model_title(model)
    first = next(iter(evaluation.folds))
    yield from (f"# {title}: emotion from speech, learnt from {corpus_name(evaluation)}", "")
    for each in cautions(evaluation):
        yield from (f"> **{each.name}**: {each.sentence}", "")
    yield from ("## What it is", "", kind.theory, "")
    yield from _table(
        ("file", f"`{run.at.artifact(model.name).name}`: a waveform in, a probability for each emotion out"),
        ("emotions", ", ".join(evaluation.labels)),
        ("parameters", f"{model.parameters:,}"),
        ("learnt from", f"{corpus_name(evaluation)}, the training part of {first}, seed 0"),
        ("language, acted", f"{about.get('language') or 'not told'}, {_acted(about.get('acted'))}"),
        ("recipe", f"variant {model.variant or 'default'}, protocol {evaluation.protocol}; `recipe.toml` holds all"),
        ("code", str(_session(run).get("software", {}).get("commit", "not known"))),
        ("date", evaluation.timestamp[:10]),
    )
    yield from ("## What it is for", "", "Research and teaching, on recordings whose speakers agreed.", "")
    yield from ("Not for:", "", *(f"- {use}" for use in OUT_OF_SCOPE), "")
    yield from ("## How well it does", "")
    yield (
        f"Measured under `{evaluation.protocol}` on {plural(len(set(evaluation.speakers)), 'test speaker')} and "
        f"{len(evaluation.clip_ids):,} clips, all folds and seeds together; this file is of one of them. In brackets "
        f"95 % intervals over {evaluation.unit}."
    )
    yield ""
    abstention, sets = model.abstention, model.sets
    people = anchors.people(evaluation)
    yield from _table(
        ("UAR", f"{percent(model.uar.value)} [{interval(model.uar)}]; chance {percent(evaluation.chance_uar)}"),
        ("accuracy", f"{percent(model.accuracy.value)} [{interval(model.accuracy)}]"),
        *([("people, same clips", percent(people.accuracy))] if people and people.accuracy is not None else []),
        ("calibration error", percent(model.calibration.error)),
        (f"sets for {percent(sets.target, 0)}",
         f"hold the truth in {percent(sets.coverage.value)}, {sets.size:.2f} emotions each"),
        ("not sure", "never said" if not abstention.threshold else
         f"below {percent(abstention.threshold, 0)}; answers {percent(abstention.answered, 0)}, of which "
         f"{percent(abstention.accuracy or 0)} are right"),
    )  # fmt: skip
    yield from ("By emotion:", "", "| emotion | clips | recall | precision |", "|---|---:|---:|---:|")
    for label, score in model.classes.items():
        cells = (percent(value) if value is not None else "–" for value in (score.recall, score.precision))
        yield f"| {_cell(label)} | {score.clips} | {' | '.join(cells)} |"
    yield ""
    for part in model.breakdowns:
        if part.attribute != "speaker":
            shares = ", ".join(f"{g.name} {percent(g.uar.value)} [{interval(g.uar)}]" for g in part.groups)
            yield from (f"By {part.attribute}: UAR {shares}.", "")
    yield from ("## Limits", "", caution(evaluation), "")
    yield (
        "On recordings of another corpus, language, room or microphone it is much worse; measure it there before you "
        "use it. A sound unlike training clips is reported where the model can tell."
    )
    yield ""
    yield from ("## Licence and citation", "", f"{about.get('licence', 'not told')}. {about.get('citation', '')}", "")
    yield from (
        "## How to start",
        "",
        "```sh",
        typed("emovox", "predict", "recording.wav", "--model", model.name, "--run", "RUN"),
        "```",
    )


def _table(*rows: tuple[str, str]) -> Iterator[str]:
    yield from ("| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in rows), "")


def _cell(words: str) -> str:
    """Words as a cell of a table, whatever a corpus calls its emotions."""
    return words.replace("|", "\\|").replace("<", "&lt;")


def _acted(acted: Any) -> str:
    return {True: "acted", False: "not acted"}.get(acted, "not told whether acted")


def _session(run: Run) -> dict[str, Any]:
    sessions = run.provenance.get("sessions") or [{}]
    return dict(sessions[-1])
