"""What can be wrong with backups; each message says what, and what to do."""

from webapp.common.errors import DomainError


class BackupRefused(DomainError):
    """This is no backup that can be restored here: cut off, changed, or of something else."""


class NotPossible(DomainError):
    """A backup cannot be made, tried or restored on this machine as it is."""


class DrillFailed(DomainError):
    """A backup was restored beside the site, and is not what it should be."""


class Busy(NotPossible):
    """Another process makes, tries or removes backups of the same folder, or of the same site."""
