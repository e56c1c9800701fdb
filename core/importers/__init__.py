"""Other tools' files, exports and tables of posts -> accounts.

One module per format; what a file is, is recognised by its content. :func:`read` gives the accounts,
:func:`import_files` puts them into account files, together with what is already there.
"""

from core.importers.detect import read
from core.importers.importer import ImportSummary, import_files
from core.importers.results import NotUnderstood

__all__ = ["ImportSummary", "NotUnderstood", "import_files", "read"]
