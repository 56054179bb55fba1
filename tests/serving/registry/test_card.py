"""What the registry reads of a card's front matter: that of our own cards, and no more of others' than is there."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from refundlens.model.bundle import bundled_path, load
from refundlens.serving.registry import card

pytestmark = pytest.mark.slow

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
    assert card.tags(CARD) == ["image-forensics", "onnx"]
    assert card.figures(CARD) == [
        {"type": "roc_auc", "name": "ROC AUC, all pictures", "value": 0.8944},
        {"type": "speed", "value": 12.0},
    ]


def test_the_bundled_models_own_card_is_read() -> None:
    text = load(bundled_path(), threads=1, device="cpu").card
    front = yaml.safe_load(text.split("---\n")[1])
    metrics = front["model-index"][0]["results"][0]["metrics"]
    assert card.figures(text) == [
        {**one, "value": float(one["value"])} for one in metrics if math.isfinite(float(one["value"]))
    ]
    assert card.tags(text) == front["tags"]


@given(st.text(alphabet="-: \ntagsmericvlu01'\""))
def test_no_card_is_too_strange(text: str) -> None:
    for strange in (text, f"---\n{text}\n---\n"):
        assert all(isinstance(tag, str) for tag in card.tags(strange))
        assert all(math.isfinite(one["value"]) for one in card.figures(strange))


@pytest.mark.parametrize(
    "front",
    [
        "tags: [" + "[" * 2000,
        "tags: &a [x, *a]\nmodel-index: *a",
        "? [a]\n: b",
        "tags: {a: b}\nmodel-index: text",
        "model-index: [results, {results: [1, {metrics: [2, {value: .inf}, {value: [1]}, {type: f1}]}]}]",
        "day: 2026-99-99",
        "a: !!python/object/apply:os.system [ls]",
        "\x00",
    ],
)
def test_front_matter_of_strangers_is_read_as_far_as_it_goes(front: str) -> None:
    text = f"---\n{front}\n---\n"
    assert card.figures(text) == [] and set(card.tags(text)) <= {"x"}


def test_flow_and_quotes_are_yaml_too() -> None:
    text = '---\ntags: ["a b", c]\nmodel-index: [{results: [{metrics: [{type: f1, value: 1e-1}]}]}]\n---\n# A'
    assert card.tags(text) == ["a b", "c"]
    assert card.figures(text) == [{"type": "f1", "value": 0.1}]
    assert card.card_body(text) == "# A"
