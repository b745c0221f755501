"""A model card for every artifact (Mitchell et al., 2019), filled from what the run's files hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from emovox import texts
from emovox.corpora.listing import Listing
from emovox.errors import typed
from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.models import KINDS
from emovox.report import sections
from emovox.report.cautions import cautions
from emovox.report.document import Block, Code, Document, Paragraph, Prose, Section
from emovox.report.words import caution, corpus_name, model_title, plural
from emovox.runs import Run


def card(
    run: Run, evaluation: Evaluation, model: ModelEvaluation, file: str, learnt: str, notes: Sequence[str] = ()
) -> Document:  # fmt: skip
    """The card of one artifact.

    Args:
        run, evaluation: Which judged the model's recipe.
        model: Whose.
        file: The artifact's name.
        learnt: Which clips it learnt from.
        notes: What else was measured of it, a paragraph each.
    """
    about = evaluation.corpus
    parts: dict[str, tuple[Block, ...]] = {
        "Details": (Paragraph(KINDS[model.kind].theory), _details(run, evaluation, model, file, learnt)),
        "Intended use": (
            Paragraph("Research and teaching, with recordings whose speakers have agreed."),
            Paragraph("Not for:"),
            Prose(texts.points("limits")),
        ),
        "Results": (*_scores(evaluation, model), *map(Paragraph, notes)),
        "Limits": (
            Paragraph(caution(evaluation)),
            Paragraph(
                "On recordings of another corpus, language, room or microphone it is much worse; measure it there "
                "before you use it. A sound unlike the training clips is reported if the model can detect it."
            ),
        ),
        "Licence and citation": (Paragraph(f"{about.get('licence', 'not told')}. {about.get('citation', '')}"),),
        "How to use it": (Code(typed("emovox", "predict", "recording.wav", "--model", file)),),
    }
    title = f"{model_title(model)}: emotion from speech, trained on {corpus_name(evaluation)}"
    blocks = tuple(Section(name, blocks) for name, blocks in parts.items())
    return Document(title, blocks, tuple(cautions(evaluation)))


def _details(run: Run, evaluation: Evaluation, model: ModelEvaluation, file: str, learnt: str) -> Listing:
    about, sessions = evaluation.corpus, run.provenance.get("sessions") or [{}]
    acted = {True: "acted", False: "not acted"}.get(about.get("acted"), "acted or not is unknown")  # type: ignore[arg-type]
    rows = (
        ("file", f"{file}: a waveform in, a probability for each emotion out"),
        ("emotions", ", ".join(evaluation.labels)),
        ("parameters", f"{model.parameters:,}"),
        ("learnt from", f"{corpus_name(evaluation)}, {learnt}"),
        ("language, acted", f"{about.get('language') or 'not told'}, {acted}"),
        (
            "recipe",
            f"variant {model.variant or 'default'}, protocol {evaluation.protocol}; recipe.toml has all settings",
        ),
        ("code", str(sessions[-1].get("software", {}).get("commit", "not known"))),
        ("date", evaluation.timestamp[:10]),
    )
    return Listing("", (), rows)


def _scores(evaluation: Evaluation, model: ModelEvaluation) -> tuple[Block, ...]:
    alone = dataclasses.replace(evaluation, models={model.name: model})
    measured_on = (
        f"Measured under {evaluation.protocol} on {plural(len(set(evaluation.speakers)), 'test speaker')} and "
        f"{len(evaluation.clip_ids):,} clips, all folds and seeds together, and not of this file alone."
    )
    tables = (sections.scores, sections.calibration, sections.answers, sections.each_group)
    told = (table for tell in tables if (table := tell(alone)).rows)
    return Paragraph(measured_on), *told, sections.by_emotion(alone, model)
