"""The synthetic sample, with which a newcomer walks the whole way without touching Instagram."""

from pathlib import Path

from core.importers.detect import read
from core.settings import SAMPLE_DIR, Settings
from core.storage.account_files import write_account
from core.storage.models import Account
from core.storage.user_lists import read_labels, read_user_list, write_user_list

SOURCE = "sample"


def load_sample(settings: Settings, folder: Path = SAMPLE_DIR) -> None:
    """Put the sample's list, labels and accounts into the data folder, beside what is there already.

    Raises:
        InputError: the sample's files are missing or damaged.
        AgeScopeError: the data folder cannot be written.
    """
    users = read_user_list(folder / "users.csv")
    write_user_list(settings.lists_dir / "sample.csv", users)
    write_user_list(settings.labels_dir / "sample.csv", read_labels(folder / "labels.csv"))
    with_posts = {account.username: account for account in read(folder / "posts.csv")}
    for username in users.usernames:
        account = with_posts.get(username) or Account(username=username, outcome="empty")
        write_account(settings.accounts_dir, account.model_copy(update={"source": SOURCE}))
