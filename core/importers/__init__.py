"""Other tools' files, exports and tables of posts -> accounts.

One module per format; what a file is, is recognised by its content. :func:`core.importers.detect.read` gives
the accounts, :func:`core.importers.importer.import_files` puts them into account files, together with what is
already there. Nothing is imported here: the command line reads the options of ``import`` at every start, and
the formats load DuckDB and pyarrow.
"""
