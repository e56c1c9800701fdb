"""The errors a person can do something about.

Every error that AgeScope raises on purpose derives from :class:`AgeScopeError`. Its text is one or
two plain sentences: what went wrong, and what to do next. Pages show it as it is; the command line
prints it and exits with :attr:`AgeScopeError.exit_status`.
"""


class AgeScopeError(Exception):
    """Something went wrong that the person can mend; the text says how."""

    exit_status = 1


class InputError(AgeScopeError):
    """A file or a value that was given cannot be used."""

    exit_status = 2


class Stopped(AgeScopeError):
    """The run was asked to stop and did so cleanly; starting it again goes on from there."""
