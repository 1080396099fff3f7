"""A session -> a table on the terminal and a report, over the records of its plan alone."""

from rich.console import Console

from acn_bench import reports
from acn_bench.analysis.comparison import compare
from acn_bench.execution.session import Session
from acn_bench.reports import tables


def report(session: Session, console: Console) -> None:
    """Print the table, write the report, print where it is."""
    records = [r for r in map(session.record, session.configs) if r is not None]
    if not records:
        console.print("no run has a record, so there is no report")
        return
    console.print()
    console.print(tables.plain(compare(records, session.card)), soft_wrap=True, markup=False)
    with console.status("writing the report") as status:
        written = reports.write(
            records, session.card, session.folder.folder, progress=status.update
        )
    for note in written.notes:
        console.print(note, soft_wrap=True, markup=False)
    console.print(f"records  {session.folder.records}", soft_wrap=True, markup=False)
    for path in written.paths:
        console.print(f"report   {path}", soft_wrap=True, markup=False)
