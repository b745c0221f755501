"""How each figure is read, and what must be said of protocols and models: prose for the report."""

from __future__ import annotations

HOW_TO_READ = {
    "final": (
        "First: the filled mark is the UAR, the hollow one the accuracy, and each line its 95 % interval. Where two "
        "intervals overlap widely, this run does not tell which model is better. Dotted: the chance level."
    ),
    "people": "Dashed: how often human listeners named the intended emotion of these recordings.",
    "systems": "Grey: published systems, measured on the same folds.",
    "recalls": "Second: the recall of each emotion, with its 95 % interval; colours and marks as in the first.",
    "confusion": (
        "A row holds the clips of one true emotion, a column those of one predicted emotion: in per cent of the row, "
        "and below that in clips; the diagonal is the recall. Pairs that mirror each other across the diagonal are "
        "emotions that the model does not keep apart."
    ),
    "map": (
        "Each point is a test clip, placed by the two main directions of its log probabilities, which were given by a "
        "model that never heard its speaker, unless the protocol is leaky; colour and mark are the true emotion. Clips "
        "that lie among those of another emotion are taken for it. Two directions show only a part of all."
    ),
    "architecture": (
        "From the waveform at the top to the answer at the foot; under each step what it gives and how many parameters "
        "it has. A line at the right passes by the steps between. Shaded: steps with parameters."
    ),
    "reliability": (
        "Clips in ten bins of equally many, the least sure at the left: how sure the model was, and how often it was "
        "right. On the dotted line both are the same; above it the model is less sure than it might be, below it too "
        "sure."
    ),
    "doubt": (
        "First: the share of wrong answers if only the surest clips are answered, from few at the left to all at the "
        "right; the mark is where the threshold puts it. Second: how often the set of likely emotions holds the true "
        "one, with its 95 % interval, and a stroke for each test speaker. A promise on average is none to everybody."
    ),
    "groups": (
        "First: UAR on the clips of each group. Second: on each speaker's clips, the best model's in front, with an "
        "interval that speaks of more clips of the same person. Dotted: the chance level. Dashed, where known: the "
        "accuracy of listeners."
    ),
    "history": (
        "Solid: training clips. Dashed: validation clips. Training clips are altered at random and dropout is on while "
        "they are counted, so their accuracy may lie below the other. A training loss that falls on while the "
        "validation loss rises is overfitting; the dot marks the epoch whose weights were kept. Where there are "
        "several trainings, thin lines are the trainings and thick ones their mean."
    ),
}
"""A paragraph a figure."""

PROTOCOLS = {
    True: (
        "Clips were dealt into training, validation and test at random, so every test speaker is also a training "
        "speaker. Such figures are leaky: a model can score by knowing the voices, and will do worse on anybody "
        "else. They are shown because most published tables are made this way, and should only be compared with "
        "those. Use speakers6 for a figure to quote."
    ),
    False: (
        "Training, validation and test speakers are different people. Every choice (the epoch, the temperature) was "
        "made on speakers whom the fit had not heard, and none on test speakers."
    ),
}
"""What a protocol means for its figures, by whether it is leaky."""

SYNTHETIC = (
    "The corpus is synthetic: the program renders babble with feeling, and no person spoke. The figures show that "
    "everything works, and how it works; they say nothing about recognising people, and the models are of no use for "
    "real voices."
)

NOT_FEELINGS = (
    "A model learns how emotions are expressed in this corpus, not what a person feels; do not use it to judge anybody."
)
"""What must be said of any model, after the corpus's own caution."""
