"""AgeScope's engine: everything that the dashboard and the command line share.

``core`` knows nothing of Streamlit; the pages know nothing of SQL, torch or requests.
"""

__version__ = "0.1.0"
