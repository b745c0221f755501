"""How each figure is read, and what must be said of protocols and models: prose for the report."""

from __future__ import annotations

HOW_TO_READ = {
    "final": (
        "First: the filled mark is the UAR, the hollow one the accuracy, and each line its 95 % interval. If two "
        "intervals overlap widely, this run does not show which model is better. Dotted: the chance level."
    ),
    "people": "Dashed: how often human listeners named the intended emotion of these recordings.",
    "systems": "Grey: published systems, measured on the same folds.",
    "recalls": "Second: the recall of each emotion, with its 95 % interval; colours and marks as in the first.",
    "confusion": (
        "A row holds the clips of one true emotion, a column those of one predicted emotion: in per cent of the row, "
        "and below that in clips; the diagonal is the recall. Large values on both sides of the diagonal are pairs of "
        "emotions that the model confuses."
    ),
    "map": (
        "Each point is a test clip, placed by the two main directions of its log probabilities, which were given by a "
        "model that never heard its speaker, unless the protocol is leaky; colour and mark are the true emotion. "
        "Clips among those of another emotion are predicted as that emotion. Two directions show only a part of the "
        "differences."
    ),
    "architecture": (
        "From the waveform at the top to the probabilities at the bottom; below each step its output and its number "
        "of parameters. A line at the right skips the steps between. Shaded: steps with parameters."
    ),
    "reliability": (
        "Clips in ten bins of equal size, the lowest confidence at the left: how confident the model was, and how "
        "often it was right. On the dotted line both are equal; above it the model is underconfident, below it "
        "overconfident."
    ),
    "doubt": (
        "First: the share of wrong predictions if only the most confident clips are answered, from few at the left to "
        "all at the right; the mark is the threshold. Second: how often the prediction set contains the true emotion, "
        "with its 95 % interval, and a stroke for each test speaker. The guarantee is only for the average."
    ),
    "groups": (
        "First: UAR on the clips of each group. Second: on the clips of each speaker, the best model in front, with "
        "an interval for more clips of the same person. Dotted: the chance level. Dashed, if known: the accuracy of "
        "listeners."
    ),
    "history": (
        "Solid: training clips. Dashed: validation clips. Training clips are altered at random and dropout is active "
        "during training, so their accuracy can be lower. If the training loss falls while the validation loss rises, "
        "the model overfits; the dot marks the epoch whose weights were kept. If there are several trainings, thin "
        "lines are the trainings and thick ones their mean."
    ),
}
"""A paragraph a figure."""

PROTOCOLS = {
    True: (
        "Clips were split into training, validation and test at random, so every test speaker is also a training "
        "speaker. Such results are leaky: a model can score by knowing the voices, and will be worse for other "
        "people. They are shown because most published tables use such splits, and should only be compared with "
        "those. Use speakers6 for a result to report."
    ),
    False: (
        "Training, validation and test speakers are different people. Every choice (the epoch, the temperature) was "
        "made on speakers who are not in the training data, and none on test speakers."
    ),
}
"""What a protocol means for its figures, by whether it is leaky."""

SYNTHETIC = (
    "The corpus is synthetic: the program renders expressive babble, and no person spoke. The results show that "
    "everything works, and how; they say nothing about recognising people, and the models are not for "
    "real voices."
)

NOT_FEELINGS = (
    "A model learns how emotions are expressed in this corpus, not what a person feels. "
    "Do not use it to judge a person."
)
"""What must be said of any model, after the corpus's own caution."""
