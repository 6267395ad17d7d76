"""Trains the bot model from vectors that a real Envoy recorded, and measures it.

    limen demo --record train.csv --requests 40000 --seed 7 --traffic train --bots 0.3
    limen demo --record live.csv --requests 20000 --seed 101 --traffic live
    pip install -r models/bot/requirements.txt
    python models/bot/train.py train.csv live.csv

Writes model.onnx, vectors.csv and the figures of README.md beside itself. The features are
whatever columns the recording has before "label"; nothing is computed from requests here.
"""

import csv
import sys
from pathlib import Path

import lightgbm
import numpy
import onnx
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.metrics import average_precision_score, roc_auc_score

HERE = Path(__file__).parent
TREES = 100
LEAVES = 31
SEED = 7
OPSET = {"": 15, "ai.onnx.ml": 3}
SAMPLE_ROWS = 4000
FPR = 0.01
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


class Recording:
    """One CSV of `limen demo --record`: features, then the truth; the partner is left out."""

    def __init__(self, path):
        with open(path, newline="") as file:
            every = list(csv.DictReader(file))
        rows = [row for row in every if row["class"] != "partner"]
        partner = [row for row in every if row["class"] == "partner"]
        columns = list(every[0])
        self.names = columns[: columns.index("label")]
        self.vectors = self.read_vectors(rows)
        self.partner = self.read_vectors(partner)
        self.label = numpy.array([int(row["label"]) for row in rows])
        self.family = numpy.array([row["family"] for row in rows])
        self.held_out = numpy.array([row["held_out"] == "1" for row in rows])
        self.rows = rows

    def read_vectors(self, rows):
        cells = [[float(row[name] or "nan") for name in self.names] for row in rows]
        return numpy.array(cells, dtype=numpy.float32)


def train(recording):
    model = lightgbm.LGBMClassifier(
        n_estimators=TREES,
        num_leaves=LEAVES,
        random_state=SEED,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbose=-1,
    )
    return model.fit(recording.vectors, recording.label)


def write_onnx(model, width):
    inputs = [("input", FloatTensorType([None, width]))]
    graph = convert_lightgbm(
        model, initial_types=inputs, target_opset=OPSET[""], zipmap=False, name="bot"
    )
    onnx.checker.check_model(graph)
    (HERE / "model.onnx").write_bytes(graph.SerializeToString(deterministic=True))


def write_sample(recording):
    """A sample for the score range: every k-th row, so that the file stays small."""
    step = max(1, len(recording.rows) // SAMPLE_ROWS)
    with open(HERE / "vectors.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(recording.names)
        for row in recording.rows[::step]:
            writer.writerow([row[name] for name in recording.names])


def cut_at_fpr(score, label):
    """The lowest score that at most a share FPR of the negatives reach."""
    negatives = numpy.sort(score[label == 0])[::-1]
    allowed = int(FPR * len(negatives))
    return numpy.nextafter(negatives[allowed], numpy.inf)


def measure(score, recording):
    label, family = recording.label, recording.family
    hit = score >= cut_at_fpr(score, label)
    rates = {"AUC": roc_auc_score(label, score)}
    rates["average precision"] = average_precision_score(label, score)
    rates["TPR at 1% FPR, all bots"] = hit[label == 1].mean()
    for name in sorted(set(family[label == 1])):
        rates[f"TPR at 1% FPR, {name}"] = hit[family == name].mean()
    several = numpy.isin(family, ["2-slip", "3-slip"])
    seen, held_out = several & ~recording.held_out, several & recording.held_out
    rates["TPR at 1% FPR, two or more slips, seen in training"] = hit[seen].mean()
    rates["TPR at 1% FPR, two or more slips, a pair held out"] = hit[held_out].mean()
    return rates


def write_card(model, trained, live):
    score = model.predict_proba(live.vectors, raw_score=True)
    count = live.vectors[:, live.names.index("header_count")]
    ours = measure(score, live)
    rule = measure(-count, live)
    partner = model.predict_proba(live.partner)[:, 1] >= 0.5
    bots = int(live.label.sum())
    lines = [
        BEGIN,
        f"Trained on {len(trained.label)} recorded vectors ({trained.label.mean():.1%} bots); "
        f"measured on {len(live.label)} others of another seed: {bots} bots, "
        f"{len(live.label) - bots} people, {int(live.held_out.sum())} bots with held-out slips.",
        "",
        "| figure | model | fewest headers first |",
        "|---|---|---|",
        *[f"| {name} | {value:.3f} | {rule[name]:.3f} |" for name, value in ours.items()],
        f"| different scores | {len(set(score))} | {len(set(count))} |",
        "",
        f"At the score 0.5 it would tag {partner.mean():.1%} of the partner's requests.",
        END,
    ]
    card = HERE / "README.md"
    text = card.read_text()
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    card.write_text(head + "\n".join(lines) + tail)
    print("\n".join(lines[1:-1]))


def main(train_file, live_file):
    trained, live = Recording(train_file), Recording(live_file)
    if trained.names != live.names:
        sys.exit(f"{live_file}: other features than {train_file}; record both anew")
    model = train(trained)
    write_onnx(model, len(trained.names))
    write_sample(trained)
    write_card(model, trained, live)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: train.py TRAIN.csv LIVE.csv")
    main(sys.argv[1], sys.argv[2])
