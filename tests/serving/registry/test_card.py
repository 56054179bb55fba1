"""What the registry reads of a card's front matter: that of our own cards, and no more of others' than is there."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundlens.model.bundle import bundled_path, load
from refundlens.serving.registry import bundles

CARD = """---
license: apache-2.0
tags:
- image-forensics
- 'onnx'
model-index:
- name: refundlens-s
  results:
  - task:
      type: image-classification
    dataset:
      name: our photos
      type: imagefolder
    metrics:
    - type: roc_auc
      name: ROC AUC, all pictures
      value: 0.8944
    - type: f1
      name: "pixel F1"
      value: .nan
    - type: speed
      value: 12
---
tags:
- not of the front matter
"""


def test_tags_and_figures_are_read() -> None:
    assert bundles.tags(CARD) == ["image-forensics", "onnx"]
    assert bundles.figures(CARD) == [
        {"type": "roc_auc", "name": "ROC AUC, all pictures", "value": 0.8944},
        {"type": "speed", "value": 12.0},
    ]


def test_the_bundled_models_own_card_is_read() -> None:
    yaml = pytest.importorskip("yaml")
    text = load(bundled_path(), threads=1, device="cpu").card
    front = yaml.safe_load(text.split("---\n")[1])
    metrics = front["model-index"][0]["results"][0]["metrics"]
    assert bundles.figures(text) == [
        {**one, "value": float(one["value"])} for one in metrics if math.isfinite(float(one["value"]))
    ]
    assert bundles.tags(text) == front["tags"]


@given(st.text(alphabet="-: \ntagsmericvlu01'\""))
def test_no_card_is_too_strange(text: str) -> None:
    for strange in (text, f"---\n{text}\n---\n"):
        assert all(isinstance(tag, str) for tag in bundles.tags(strange))
        assert all(math.isfinite(one["value"]) for one in bundles.figures(strange))
