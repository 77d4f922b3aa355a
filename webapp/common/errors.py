"""The errors that people are meant to read."""


class DomainError(Exception):
    """Something that was asked for cannot be done; the message says what and what to do instead."""


class NotFound(DomainError):
    """The thing that was named does not exist, or is not for this person."""
