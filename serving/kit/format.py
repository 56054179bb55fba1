"""Numbers as people read them."""


def percent(share: float) -> str:
    """Never 0 % or 100 %, which no estimate is.

    >>> [percent(share) for share in (0.0002, 0.25, 0.9999)]
    ['< 0.1 %', '25.0 %', '> 99.9 %']
    """
    return "< 0.1 %" if share < 0.001 else "> 99.9 %" if share > 0.999 else f"{share:.1%}".replace("%", " %")
