"""Other tools' files, exports and tables of posts -> accounts.

One module per format; what a file is, is recognised by its content. :func:`read` gives the accounts,
:func:`import_files` puts them into account files, together with what is already there.
"""

from core.readers.found import NotUnderstood
from core.readers.importing import ImportSummary, import_files
from core.readers.reading import read

__all__ = ["ImportSummary", "NotUnderstood", "import_files", "read"]
