"""Accounts' files written as Parquet, for workers that do not see their folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.jobs.progress import Progress
from core.prediction.arguments import ExportShardsArguments
from core.settings import get_settings
from core.storage.account_files import account_files, read_accounts
from core.storage.account_shards import AccountShards, AccountsManifest, WrittenShard, key_of
from core.storage.listed import read_named_list, wanted_files
from core.storage.noted_exports import note_export
from core.utils.addresses import absolute_address
from core.utils.formatting import count
from core.utils.io import remove_leftovers
from core.utils.iteration import batched
from core.utils.records import utc_now

_NAMED = 5


@dataclass(frozen=True)
class ExportSummary:
    """What an export did.

    Attributes:
        address: where the shards are.
        accounts: in them.
        shards: how many there are.
        kept: of these, shards that were there and whole.
        faults: why some files hold no account, by name.
    """

    address: str
    accounts: int
    shards: int
    kept: int
    faults: dict[str, str]

    def __str__(self) -> str:
        there = f", of which {self.kept} were there already" if self.kept else ""
        lines = [f"{count(self.accounts, 'account')} in {count(self.shards, 'shard')}{there}: {self.address}"]
        if self.faults:
            lines.append(f"{count(len(self.faults), 'file')} could not be read, and each is a row that says why:")
            lines += [f"  {name}: {reason}" for name, reason in [*self.faults.items()][:_NAMED]]
        if len(self.faults) > _NAMED:
            lines.append(f"  and {len(self.faults) - _NAMED:,} more.")
        return "\n".join(lines)


def export_shards(arguments: ExportShardsArguments, progress: Progress) -> ExportSummary:
    """Write the accounts of a folder as Parquet; the same call goes on after an interruption.

    Raises:
        InputError: there are no accounts, the address cannot be used, or holds shards of other accounts.
        AgeScopeError: something could not be written; what was stays.
        Stopped: asked to stop; shards that were written stay.
    """
    of = read_named_list(arguments.user_file) if arguments.user_file else None
    files = [*wanted_files(account_files(arguments.input_dir), of)]
    if not files:
        raise InputError(f"{arguments.input_dir} holds no account files to export. Collect or import them first.")
    target = AccountShards(arguments.output_dir)
    if target.folder.path is not None and target.folder.path.resolve() == arguments.input_dir.resolve():
        raise InputError("The shards cannot lie among the accounts' files. Choose another folder for --output-dir.")
    size = arguments.accounts_per_shard
    key = key_of(str(arguments.input_dir.resolve()), [path.name for path in files], size)
    if target.has_manifest() and target.manifest.key != key:
        raise InputError(
            f"{target.folder.address} holds {count(target.manifest.rows, 'account')} of another folder or list, or cut "
            f"otherwise, not these {len(files):,}. Choose another folder, or empty that one."
        )
    if target.folder.path is not None:
        remove_leftovers(target.folder.path)
    _note(target, arguments.input_dir)
    return _export(target, [*batched(files, size)], key, progress)


def _note(target: AccountShards, accounts: Path) -> None:
    """Write down in the study whose accounts these are that they leave it, if they do."""
    study, there = get_settings().data_dir, target.folder.path
    is_inside = there is not None and there.resolve().is_relative_to(study)
    if accounts.resolve().is_relative_to(study) and not is_inside:
        note_export(study, absolute_address(target.folder.address))


def _export(target: AccountShards, parts: Sequence[Sequence[Path]], key: str, progress: Progress) -> ExportSummary:
    progress.update(0, sum(map(len, parts)), message="exporting")
    written, kept = list[WrittenShard](), 0
    for number, paths in enumerate(parts):
        progress.check()
        there = target.whole(number, key)
        kept += there is not None
        written.append(there or target.write(number, read_accounts(paths), key))
        progress.update(progress.state.done + len(paths))
    records = tuple(shard.record for shard in written)
    if kept < len(parts) or not target.has_manifest() or target.manifest.shards != records:
        target.finish(AccountsManifest(key=key, created_at=utc_now(), shards=records))
    faults = {name: fault for shard in written for name, fault in shard.faults.items()}
    return ExportSummary(
        address=target.folder.address,
        accounts=sum(record.rows - record.damaged for record in records),
        shards=len(records),
        kept=kept,
        faults=faults,
    )
