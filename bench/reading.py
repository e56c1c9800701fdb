"""How long an account's file takes to be read, beside tokenizing and encoding its captions.

    python -m bench.make_store FOLDER && python -m bench.reading FOLDER [--accounts 20000] [--encoded 200]

The files are read twice: from the disk, where the system forgets what it keeps of them when asked to,
and from its memory. Reading and tokenizing are timed on one core each; encoding, of the first few
accounts only, takes all cores, as it does in a prediction, which reads ahead meanwhile.
"""

import argparse
import os
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from bench.predict import MAX_SEQ_LEN
from core.encoder.age_classifier import AgeClassifier
from core.encoder.names import OFFLINE_ENCODER
from core.encoder.pretrained import load_encoder, load_tokenizer
from core.encoder.tokenization import tokenize
from core.encoder.user_encoder import UserEncoder
from core.settings import Settings
from core.storage.account_files import account_files, read_account
from core.utils.iteration import batched

AT_ONCE = 16


def forget(paths: Sequence[Path]) -> None:
    """Ask the system to forget what it keeps of the files."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in paths:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main(folder: Path, accounts: int, encoded: int) -> None:
    """Time each part, and print what an account takes."""
    paths = [*islice(account_files(Settings(data_dir=folder).accounts_dir), accounts)]
    size = sum(path.stat().st_size for path in paths)
    forget(paths)
    started = time.perf_counter()
    for path in paths:
        read_account(path)
    from_disk = (time.perf_counter() - started) / len(paths)
    tokenizer = load_tokenizer(OFFLINE_ENCODER)
    reading = tokenizing = 0.0
    captions = 0
    for some in batched(paths, AT_ONCE):
        started = time.perf_counter()
        users = [read_account(path).captions for path in some]
        read = time.perf_counter()
        tokenize(tokenizer, users, MAX_SEQ_LEN)
        reading, tokenizing = reading + read - started, tokenizing + time.perf_counter() - read
        captions += sum(map(len, users))
    reading, tokenizing = reading / len(paths), tokenizing / len(paths)
    encoder = UserEncoder(AgeClassifier(load_encoder(OFFLINE_ENCODER)), tokenizer, MAX_SEQ_LEN, None)
    some = [read_account(path).captions for path in paths[:encoded]]
    encoder.vectors(some[:AT_ONCE])
    started = time.perf_counter()
    encoder.vectors(some)
    encoding = (time.perf_counter() - started) / encoded
    print(f"{len(paths):,} accounts, {captions:,} captions, {size / 1e9:.2f} GB; milliseconds an account:")
    print(f"tokenizing {1e3 * tokenizing:.2f}, with encoding in 32 bits {1e3 * encoding:.1f} ({encoded} accounts)")
    for where, seconds in (("memory", reading), ("disk", from_disk)):
        shares = f"{seconds / (seconds + tokenizing):.1%} of both, {seconds / (seconds + encoding):.1%} with encoding"
        print(f"reading from {where} {1e3 * seconds:.2f}: {shares}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--encoded", type=int, default=200)
    given = parser.parse_args()
    main(given.folder, given.accounts, given.encoded)
