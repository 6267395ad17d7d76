"""Threshold of scikit-learn's TunedThresholdClassifierCV for scores that are there already.

Reads {"scores": [...], "labels": [...], "miss": 10} and prints {"threshold", "version"}. A false
positive costs 1, a missed positive `miss`.
"""
import json
import sys

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV


class Scored(ClassifierMixin, BaseEstimator):
    """A classifier whose only input is its probability of class 1."""

    def fit(self, rows, labels):
        self.classes_ = np.unique(labels)
        return self

    def predict_proba(self, rows):
        scores = np.asarray(rows)[:, 0]
        return np.column_stack([1 - scores, scores])

    def predict(self, rows):
        return (self.predict_proba(rows)[:, 1] >= 0.5).astype(int)


given = json.load(sys.stdin)
rows = np.array(given["scores"], dtype=float).reshape(-1, 1)
labels = np.array(given["labels"], dtype=int)


def gain(truth, said):
    truth, said = np.asarray(truth), np.asarray(said)
    false_positives = np.sum((truth == 0) & (said == 1))
    misses = np.sum((truth == 1) & (said == 0))
    return -float(false_positives + given["miss"] * misses) / len(truth)


tuned = TunedThresholdClassifierCV(Scored(), scoring=make_scorer(gain)).fit(rows, labels)
print(json.dumps({"threshold": float(tuned.best_threshold_), "version": sklearn.__version__}))
