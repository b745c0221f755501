"""A model card for every artifact (Mitchell et al., 2019), filled from what the run's files hold."""

from __future__ import annotations

from emovox import texts
from emovox.corpora.listing import Listing
from emovox.errors import typed
from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.models import KINDS
from emovox.report import anchors
from emovox.report.cautions import cautions
from emovox.report.document import Block, Code, Document, Paragraph, Prose, Section
from emovox.report.words import caution, corpus_name, measured, model_title, percent, plural, share
from emovox.runs import Run


def card(run: Run, evaluation: Evaluation, model: ModelEvaluation, file: str, learnt: str) -> Document:
    """The card of one artifact.

    Args:
        run, evaluation: Which judged the model's recipe.
        model: Whose.
        file: The artifact's name.
        learnt: Which clips it learnt from.
    """
    about = evaluation.corpus
    parts: dict[str, tuple[Block, ...]] = {
        "What it is": (Paragraph(KINDS[model.kind].theory), _details(run, evaluation, model, file, learnt)),
        "What it is for": (
            Paragraph("Research and teaching, on recordings whose speakers agreed."),
            Paragraph("Not for:"),
            Prose(texts.points("limits")),
        ),
        "How well it does": _scores(evaluation, model),
        "Limits": (
            Paragraph(caution(evaluation)),
            Paragraph(
                "On recordings of another corpus, language, room or microphone it is much worse; measure it there "
                "before you use it. A sound unlike training clips is reported where the model can tell."
            ),
        ),
        "Licence and citation": (Paragraph(f"{about.get('licence', 'not told')}. {about.get('citation', '')}"),),
        "How to start": (Code(typed("emovox", "predict", "recording.wav", "--model", file)),),
    }
    title = f"{model_title(model)}: emotion from speech, learnt from {corpus_name(evaluation)}"
    sections = tuple(Section(name, blocks) for name, blocks in parts.items())
    return Document(title, sections, tuple(cautions(evaluation)))


def _details(run: Run, evaluation: Evaluation, model: ModelEvaluation, file: str, learnt: str) -> Listing:
    about, sessions = evaluation.corpus, run.provenance.get("sessions") or [{}]
    acted = {True: "acted", False: "not acted"}.get(about.get("acted"), "not told whether acted")  # type: ignore[arg-type]
    rows = (
        ("file", f"{file}: a waveform in, a probability for each emotion out"),
        ("emotions", ", ".join(evaluation.labels)),
        ("parameters", f"{model.parameters:,}"),
        ("learnt from", f"{corpus_name(evaluation)}, {learnt}"),
        ("language, acted", f"{about.get('language') or 'not told'}, {acted}"),
        ("recipe", f"variant {model.variant or 'default'}, protocol {evaluation.protocol}; recipe.toml holds all"),
        ("code", str(sessions[-1].get("software", {}).get("commit", "not known"))),
        ("date", evaluation.timestamp[:10]),
    )
    return Listing("", (), rows)


def _scores(evaluation: Evaluation, model: ModelEvaluation) -> tuple[Block, ...]:
    sets, abstention, people = model.sets, model.abstention, anchors.people(evaluation)
    measured_on = (
        f"Measured under {evaluation.protocol} on {plural(len(set(evaluation.speakers)), 'test speaker')} and "
        f"{len(evaluation.clip_ids):,} clips, all folds and seeds together, and not of this file alone. In brackets "
        f"95 % intervals over {evaluation.unit}."
    )
    answers = (
        f"below {percent(abstention.threshold, 0)}; answers {percent(abstention.answered, 0)}, of which "
        f"{percent(abstention.accuracy or 0)} are right" if abstention.threshold else "never said"
    )  # fmt: skip
    rows = (
        ("UAR, %", f"{measured(model.uar)}; chance {share(evaluation.chance_uar)}"),
        ("accuracy, %", measured(model.accuracy)),
        *([("people, same clips, %", share(people.accuracy))] if people else []),
        ("calibration error, %", share(model.calibration.error)),
        (f"sets for {percent(sets.target, 0)}",
         f"hold the truth in {percent(sets.coverage.value)}, {sets.size:.2f} emotions each"),
        ("not sure", answers),
    )  # fmt: skip
    emotions = tuple(
        (label, str(score.clips), share(score.recall), share(score.precision)) for label, score in model.classes.items()
    )
    groups = tuple(
        (part.attribute, group.name, measured(group.uar))
        for part in model.breakdowns
        if part.attribute != "speaker"
        for group in part.groups
    )
    tables = [Listing("By emotion:", ("emotion", "clips", "recall, %", "precision, %"), emotions)]
    if groups:
        tables.append(Listing("By group:", ("by", "group", "UAR, %"), groups))
    return Paragraph(measured_on), Listing("", (), rows), *tables
