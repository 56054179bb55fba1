"""What dishonest buyers ask an image editor for, per defect and product.

In: a defect and the product's name. Out: a prompt. Inpainting models want a description of what is to be seen,
instruction editors an order.
"""

import numpy as np

from refundlens.model.names import Defect

_DESCRIPTIONS: dict[Defect, tuple[str, ...]] = {
    "hole": (
        "a torn hole in the {product}, frayed edges, the dark inside showing",
        "{product} with a small hole worn through, loose threads, phone photo",
        "a ragged tear in the {product}, realistic damage",
    ),
    "stain": (
        "a dirty brown stain on the {product}, soaked in, uneven edge",
        "{product} with a spilled coffee stain, phone photo",
        "a greasy dark stain on the {product}, realistic",
    ),
    "mould": (
        "grey-green mould growing on the {product}, fuzzy spots",
        "{product} covered with patches of black mildew, phone photo",
        "white and green mould spots on the {product}, close view, realistic",
    ),
    "other": (
        "a scratched and scuffed patch on the {product}, realistic damage",
        "{product} with a crack, phone photo",
        "a worn, discoloured patch on the {product}",
    ),
}
_INSTRUCTIONS: dict[Defect, tuple[str, ...]] = {
    "hole": (
        "Add a small torn hole to the {product}. Keep everything else as it is.",
        "Make it look as if the {product} had arrived with a hole in it.",
    ),
    "stain": (
        "Add a dirty stain to the {product}. Keep everything else as it is.",
        "Make it look as if something had been spilled on the {product}.",
    ),
    "mould": (
        "Add some mould spots to the {product}. Keep everything else as it is.",
        "Make the {product} look mouldy, as if it had arrived that way.",
    ),
    "other": (
        "Add a visible scratch or crack to the {product}. Keep everything else as it is.",
        "Make the {product} look damaged, as if it had arrived that way.",
    ),
}


def description(defect: Defect, product: str, rng: np.random.Generator) -> str:
    """A caption of the damaged product, for inpainting models."""
    return _pick(_DESCRIPTIONS[defect], product, rng)


def instruction(defect: Defect, product: str, rng: np.random.Generator) -> str:
    """An order to damage the product, for instruction editors."""
    return _pick(_INSTRUCTIONS[defect], product, rng)


def _pick(templates: tuple[str, ...], product: str, rng: np.random.Generator) -> str:
    return templates[int(rng.integers(len(templates)))].format(product=product)
