"""What each kind of model is, how each figure is read, and what the words mean: prose for the report."""

from __future__ import annotations

KINDS = {
    "cnn": (
        "A convolutional network reads the log-mel spectrogram, time by frequency, as a picture. A small filter slides "
        "over it and answers to one local pattern, such as a rising harmonic or a burst; the next layer looks for "
        "patterns of those patterns. The same weights serve everywhere, so there are few of them to learn. Averaging "
        "each feature over the whole picture makes the answer independent of where in the clip something was said, at "
        "the price of forgetting the order of events."
    ),
    "cnn_lstm": (
        "Convolutions find local patterns, and a long short-term memory (Hochreiter and Schmidhuber, 1997) then reads "
        "them moment by moment, carrying along what it has heard. Gates decide what to keep, to add and to let go, so "
        "that rising pitch need not look like falling pitch. It can know the course of an utterance, which an average "
        "cannot; it also has more ways to learn its training speakers by heart, and takes longer to train."
    ),
    "yamnet": (
        "Transfer learning: YAMNet (Plakal and Ellis; MobileNet v1, Howard et al., 2017) learnt to name 521 kinds of "
        "sound from the two million recordings of AudioSet. Its early and middle layers had to learn what voices, "
        "breath and effort sound like, and that knowledge is taken over here: what is learnt anew is how those "
        "features speak of emotion. A middle layer is used since the last one keeps what names a sound (“speech”) "
        "and drops how it is spoken."
    ),
}
"""A paragraph a kind."""

HOW_TO_READ = {
    "final": (
        "Left: the filled mark is the UAR, the hollow one the accuracy, and each line its 95 % interval. Where two "
        "intervals overlap widely, this run does not tell which model is better. Dotted: what guessing gets."
    ),
    "people": "Dashed: how often people named the intended emotion of these recordings.",
    "systems": "Grey rows: published systems, measured on the same folds, with UAR and accuracy.",
    "recalls": "Right: of the clips of each emotion, the share that was found.",
    "confusion": (
        "A row holds the clips of one intended emotion, and says what they were taken for, in per cent; the diagonal "
        "is the recall. Cells below half a per cent are left empty. Pairs that mirror each other across the "
        "diagonal are emotions that the model does not keep apart."
    ),
    "history": (
        "Solid: on the clips it learns from. Dashed: on validation clips, which it does not learn from. Training clips "
        "are altered at random and dropout is on while they are counted, so their curve may lie below the other. A "
        "training loss that falls on while the validation loss rises means learning by heart; the dot marks the epoch "
        "whose weights were kept. Where there are several trainings, thin lines are the trainings and thick ones their "
        "mean."
    ),
}
"""A paragraph a figure."""

GLOSSARY = (
    ("accuracy", "The share of clips named rightly (also called weighted accuracy)."),
    (
        "UAR",
        "Unweighted average recall: the mean over emotions of the share of each one's clips that was found, so that "
        "rare emotions count as much as common ones.",
    ),
    ("precision, recall", "Of the clips called angry, the share that was; of the angry clips, the share so called."),
    ("F1", "The harmonic mean of precision and recall; macro averages emotions alike, weighted by their clips."),
    ("loss", "Cross-entropy, the mean of −ln p(truth), in nats: 0 is perfect, ln 8 = 2.08 is guessing among eight."),
    (
        "calibration error",
        "How far confidence lies from being right, on average over 15 bins of confidence (Guo et al., 2017). "
        "Probabilities were calibrated with one temperature a training, fitted on validation clips; it changes no "
        "answer.",
    ),
    (
        "95 % interval",
        "By bootstrap: speakers (or clips, where speakers are shared) are drawn again with replacement 2,000 times, "
        "and the interval is widened for few of them (Hesterberg, 2015). It does not cover the chance of training "
        "again, for which see the deviation over seeds.",
    ),
)
"""Words and what they mean."""

PROTOCOLS = {
    True: (
        "Clips were dealt into training, validation and test at random, so every test speaker was also heard in "
        "training. Such figures are leaky: a model can score by knowing the voices, and will do worse on anybody "
        "else. They are shown because most published tables are made this way, and should only be compared with "
        "those. Use speakers6 for a figure to quote."
    ),
    False: (
        "Training, validation and test clips are of different people. Every choice (the epoch, the temperature) was "
        "made on the validation speakers; the test speakers were only met to be counted."
    ),
}
"""What a protocol means for its figures, by whether it is leaky."""

SYNTHETIC = (
    "The corpus is synthetic: the program renders babble with feeling, and no person spoke. The figures show that "
    "everything works, and how it works; they say nothing about recognising people, and the models are of no use for "
    "real voices."
)

ACTED = (
    "The emotions are acted and named by their makers. A model of them hears how an emotion is portrayed, not what a "
    "person feels; do not use it to judge anybody."
)
