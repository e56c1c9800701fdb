"""Every button, form, upload and download of the pages, found in their text, with the action that it is."""

import ast
from collections.abc import Iterator

from core.privacy.roles import VIEWER_ACTIONS, Action
from core.settings import PROJECT_DIR

KINDS = {"button", "form_submit_button", "download_button", "file_uploader", "data_editor", "camera_input",
         "audio_input", "chat_input", "link_button"}  # fmt: skip

CONTROLS: dict[tuple[str, str], Action | None] = {
    ("collect.py", "Proxies"): Action.COLLECT,
    ("collect.py", "Remove it"): Action.CHANGE_STUDY,
    ("collect.py", "data_editor"): Action.COLLECT,
    ("collect.py", "same and go_on_label(same) or 'Start collecting'"): Action.COLLECT,
    ("jobs.py", "Close"): None,
    ("jobs.py", "Clear the caches"): Action.MAINTAIN,
    ("jobs.py", "End at once"): Action.CONTROL_JOBS,
    ("jobs.py", "Remove from this list"): Action.CONTROL_JOBS,
    ("jobs.py", "Stop"): Action.CONTROL_JOBS,
    ("label.py", "Back"): None,
    ("label.py", "Back to the last one"): None,
    ("label.py", "Keep as labels"): Action.CHANGE_STUDY,
    ("label.py", "Make the batch"): Action.CHANGE_STUDY,
    ("label.py", "Save"): Action.CHANGE_STUDY,
    ("label.py", "Settle"): Action.CHANGE_STUDY,
    ("label.py", "Skip"): Action.CHANGE_STUDY,
    ("label.py", "f'Confirm {suggestion}'"): Action.CHANGE_STUDY,
    ("label.py", "label"): Action.CHANGE_STUDY,
    ("overview.py", "Load the sample"): Action.MAINTAIN,
    ("overview.py", "Rebuild the index"): Action.MAINTAIN,
    ("erase.py", "Erase"): Action.FORGET,
    ("erase.py", "Show what would go"): None,
    ("parts/account_lists.py", "Close"): None,
    ("parts/audit.py", "Draw and download"): Action.DOWNLOAD_ROWS,
    ("parts/audit.py", "The sample, filled in"): Action.CHANGE_STUDY,
    ("parts/clicks.py", "Label these"): Action.CHANGE_STUDY,
    ("parts/collected_list.py", "Close"): None,
    ("parts/collection_runs.py", "Check Instagram"): Action.COLLECT,
    ("parts/collection_runs.py", "Stop collecting"): Action.CONTROL_JOBS,
    ("parts/collection_runs.py", "label"): Action.COLLECT,
    ("parts/downloads.py", "label"): Action.DOWNLOAD_ROWS,
    ("parts/import_tab.py", "Files"): Action.IMPORT,
    ("parts/import_tab.py", "Import"): Action.IMPORT,
    ("parts/job_widgets.py", "Go on"): Action.CONTROL_JOBS,
    ("parts/list_upload.py", "'Keep these labels' if is_labels else 'Keep this list'"): Action.CHANGE_STUDY,
    ("parts/list_upload.py", "kind"): Action.CHANGE_STUDY,
    ("parts/own_names.py", "'Take the star away' if own.starred else 'Star: the one that counts'"): Action.CHANGE_STUDY,
    ("parts/own_names.py", "Bring back"): Action.CHANGE_STUDY,
    ("parts/own_names.py", "Delete all that was removed, for good"): Action.CHANGE_STUDY,
    ("parts/own_names.py", "Remove"): Action.CHANGE_STUDY,
    ("parts/own_names.py", "Save name and note"): Action.CHANGE_STUDY,
    ("parts/own_names.py", "Undo"): Action.CHANGE_STUDY,
    ("parts/results_details.py", "Close"): None,
    ("parts/results_details.py", "Download checklists"): Action.DOWNLOAD_FIGURES,
    ("parts/results_details.py", "Download figures"): Action.DOWNLOAD_FIGURES,
    ("parts/results_details.py", "Download report"): Action.DOWNLOAD_FIGURES,
    ("parts/sign_in.py", "Sign in"): None,
    ("parts/sign_in.py", "Sign out"): None,
    ("posts.py", "Clear filters"): None,
    ("posts.py", "Close"): None,
    ("posts.py", "Open the first"): None,
    ("posts.py", "Run"): Action.QUERY,
    ("posts.py", "Show what is new"): None,
    ("posts.py", "Stop the query"): Action.QUERY,
    ("posts.py", "f'{FILTER_NAMES[key]} {plain(in_words(key, value))}'"): None,
    ("posts.py", "label"): None,
    ("results.py", "Clear filters"): None,
    ("results.py", "Predict now"): Action.PREDICT,
    ("settings.py", "Download the packed study"): Action.DOWNLOAD_ROWS,
    ("settings.py", "Diagnostic file"): Action.MAINTAIN,
    ("settings.py", "Drafts for a review board and of an impact assessment"): Action.MAINTAIN,
    ("settings.py", "Gather a diagnostic file"): Action.MAINTAIN,
    ("settings.py", "Make the study"): Action.CHANGE_STUDY,
    ("settings.py", "Pack this study"): Action.DOWNLOAD_ROWS,
    ("settings.py", "Save"): Action.CHANGE_STUDY,
    ("train.py", "'Stop, keep the best so far' if job.events(EpochEvent) else 'Stop'"): Action.TRAIN,
    ("train.py", "Close"): None,
    ("train.py", "Download these figures"): Action.TRAIN,
    ("train.py", "Train"): Action.TRAIN,
}
"""(Page, label or the expression that makes it) -> what it does; None where it only moves what is shown."""

FOR_VIEWERS = {label for (_, label), action in CONTROLS.items() if action is None or action in VIEWER_ACTIONS}


Place = tuple[str, int | None, int | None]
"""A page's file, and the line and column at which a call in it ends."""


def controls() -> Iterator[tuple[Place, tuple[str, str]]]:
    """Every control that the pages' text makes: where its call ends, and its key in the table."""
    for path in sorted((PROJECT_DIR / "pages").rglob("*.py")):
        name = path.relative_to(PROJECT_DIR / "pages").as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in KINDS:
                yield (name, node.end_lineno, node.end_col_offset), (name, _label(node.func.attr, node))


def _label(kind: str, node: ast.Call) -> str:
    first = node.args[0]
    if kind == "data_editor":
        return kind
    return str(first.value) if isinstance(first, ast.Constant) else ast.unparse(first)
