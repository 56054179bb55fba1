"""Wrong labels, found by a model that was kept from them; a newcomer that only the snapshot shows is none."""

import numpy as np

from refundlens.datasets.snapshot.checks import Doubts
from refundlens.training.retrain.doubts import Looked, find_doubts


def _looked(flipped: int = 0, newcomer: float = 2.5) -> list[Looked]:
    """200 trusted and 200 labelled photos; fakes of the snapshot show in another feature than those known before."""
    rng = np.random.default_rng(0)
    found = []
    for index in range(400):
        trusted, made = index < 200, index % 2
        features = rng.normal(0, 1, 6)
        features[0 if trusted else 1] += newcomer * 2 * made - newcomer
        label = made if trusted or index >= 200 + flipped else 1 - made
        found.append(Looked(f"{index:03d}", f"g{index // 2 % 100}", label, features, trusted))
    return found


def _share(doubts: Doubts) -> float:
    return (len(doubts.wrong) / doubts.looked - doubts.usual) / (1 - 2 * doubts.usual)


def test_a_newcomer_is_no_wrong_label_and_a_tenth_of_flips_is_found() -> None:
    clean = find_doubts(_looked())
    assert clean.looked == 200 and abs(_share(clean)) < 0.04
    bad = find_doubts(_looked(flipped=20))
    assert 0.07 < _share(bad) < 0.2
    planted = {f"{index:03d}" for index in range(200, 220)}
    assert len(planted & set(bad.wrong)) >= 16
    surest = sorted(bad.wrong, key=lambda name: -bad.wrong[name])[:15]
    assert len(planted & set(surest)) >= 11


def test_a_newcomer_that_the_features_do_not_show_makes_no_label_wrong() -> None:
    """All its fakes look authentic: that is why it must be learned, and no sign of bad labels."""
    rng = np.random.default_rng(1)
    looked = [one for one in _looked() if one.trusted]
    for index in range(200):
        features = rng.normal(0, 1, 6)
        features[0] -= 2.5
        looked.append(Looked(f"n{index}", f"n{index}", index % 2, features, False))
    found = find_doubts(looked)
    assert found.looked in (0, 100) and len(found.wrong) <= 0.2 * found.looked


def test_more_wrong_labels_do_not_silence_it() -> None:
    """Of a newcomer that shows so little that many labels look odd before any is wrong."""
    shares = []
    for flipped in (0, 20, 40):
        found = find_doubts(_looked(flipped, newcomer=0.8))
        assert found.looked == 200
        shares.append(_share(found))
    assert shares[0] < shares[1] < shares[2] and shares[2] > 0.1


def test_without_both_classes_nobody_is_asked() -> None:
    only = [one for one in _looked() if one.trusted or one.label == 0]
    assert find_doubts(only) == Doubts({}, 0.5, 0)
