"""What can be wrong with a wish about keys and tenants."""


class IdentityError(Exception):
    """It was not done; the message tells a person why, and what to do."""
