"""The command line. Exit 0: done. Exit 2: what was given cannot be used, said in one sentence.

Every command is imported when it is called: `taperguard dose` loads neither Celery nor a
database.
"""

from __future__ import annotations

import importlib
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from taperguard.refusal import Refusal

app = typer.Typer(
    name="taperguard",
    help="Safe clonazepam prescribing and deprescribing.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A JSON file; - is standard input.")
]
OnOption = Annotated[
    str | None, typer.Option("--on", metavar="DATE", help="The day, like 2026-11-23.")
]
ReadyFile = Annotated[
    Path | None, typer.Option("--ready-file", hidden=True, help="Made when the process is ready.")
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Never a stack trace."""
    try:
        code = get_command(app).main(list(arguments), prog_name="taperguard", standalone_mode=False)
    except TyperException as error:
        return _say(error.format_message(), error.exit_code)
    except Refusal as refusal:
        return _say(str(refusal), refusal.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing to say, nobody to say it to.
        sys.stdout = None
        return 0
    except Exception as error:  # noqa: BLE001  the last line of defence: no trace, no patient data
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        return _say(f"internal error: {type(error).__name__} in {where}", 1)
    return code if isinstance(code, int) else 0


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(f"taperguard: {' '.join(sentence.split())}\n")
    return code


def _command(name: str) -> Any:
    return importlib.import_module(f"taperguard.commands.{name}")


def _date(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Refusal(f"{option} has to be a date like 2026-11-23")


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"taperguard {version('taperguard')}\n")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """Safe clonazepam prescribing and deprescribing."""


@app.command()
def demo(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Pass on what the parts write.")
    ] = False,
) -> int:
    """Everything on this machine: service, worker, broker and a sandbox EHR. Ctrl-C ends all."""

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    # From the first moment on, also where a shell has us ignore Ctrl-C (a job in the background).
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        code: int = _command("demo").run(verbose=verbose, say=say)
    except KeyboardInterrupt:
        return 0
    return code


@app.command()
def serve() -> int:
    """The web service, one process."""
    code: int = _command("serve").run()
    return code


@app.command()
def worker(ready_file: ReadyFile = None) -> int:
    """One Celery worker."""
    code: int = _command("worker").run(ready_file=ready_file)
    return code


@app.command()
def beat(ready_file: ReadyFile = None) -> int:
    """The clock of the workers: exactly one."""
    code: int = _command("beat").run(ready_file=ready_file)
    return code


@app.command()
def migrate() -> int:
    """Bring the tables up to date and end."""
    code: int = _command("migrate").run()
    return code


@app.command()
def health(
    part: Annotated[str, typer.Argument(metavar="PART", help="api, worker or beat.")],
) -> int:
    """Whether a running part does its work; exit 1 if not."""
    code: int = _command("health").run(part)
    return code


@app.command()
def secrets(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder for the secrets.")],
) -> int:
    """Make the secrets of a new installation, one file each."""
    code: int = _command("secrets").run(folder)
    return code


@app.command()
def dose(file: FileArgument, on: OnOption = None) -> int:
    """The daily dose of a medication record or a Bundle of them, as JSON."""
    day = _date(on, "--on")
    _use_site_tables()
    code: int = _command("dose").run(file, day, sys.stdin, sys.stdout, sys.stderr)
    return code


@app.command()
def check(file: FileArgument, on: OnOption = None) -> int:
    """A CDS Hooks request in, the response of the service out, without a server."""
    day = _date(on, "--on")
    code: int = _command("check").run(file, day, sys.stdin, sys.stdout, sys.stderr)
    return code


@app.command()
def policy(
    ehr: Annotated[
        str | None, typer.Option("--ehr", metavar="ID", help="As it is at this EHR.")
    ] = None,
) -> int:
    """The clinical policy in force: every value with its meaning, range and sources."""
    code: int = _command("policy").run(ehr_id=ehr, stdout=sys.stdout)
    return code


@app.command()
def taper(  # noqa: PLR0913, PLR0917 - the options of the command, one each
    from_mg: Annotated[str, typer.Option("--from-mg", metavar="N", help="Present mg/day.")],
    start: Annotated[str, typer.Option("--start", metavar="DATE", help="First day.")],
    to_mg: Annotated[str, typer.Option("--to-mg", metavar="N", help="Target mg/day.")] = "0",
    pace: Annotated[
        str | None, typer.Option("--pace", metavar="ID", help="A published pace.")
    ] = None,
    products: Annotated[
        str | None, typer.Option("--products", metavar="A,B", help="RxCUIs that may be used.")
    ] = None,
    times_per_day: Annotated[
        str, typer.Option("--times-per-day", metavar="N", help="Intakes a day.")
    ] = "1",
    cut_first: Annotated[
        str | None,
        typer.Option("--cut-first", metavar="TIME", help="morning, midday, evening or night."),
    ] = None,
    output_format: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="table, json, csv, ics, pdf or fhir."),
    ] = "table",
    patient: Annotated[
        str | None,
        typer.Option(
            "--patient", metavar="ID", help="For fhir: Patient/ID; a placeholder without it."
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="For fhir: the day of the orders; today."),
    ] = None,
) -> int:
    """A schedule made of tablets that exist."""
    code: int = _command("taper").run(
        from_mg=from_mg,
        start=start,
        to_mg=to_mg,
        pace_id=pace,
        products=products,
        times_per_day=times_per_day,
        cut_first=cut_first,
        output_format=output_format,
        patient=patient,
        on=_date(on, "--on"),
        stdout=sys.stdout,
        stderr=sys.stderr,
    )
    return code


def _use_site_tables() -> None:
    """Recognise drugs by the site's own tables, where it has any."""
    settings = importlib.import_module("taperguard.settings").load()
    importlib.import_module("taperguard.rxnorm.folder").adopt(settings.knowledge)


knowledge = typer.Typer(help="Drug tables.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(knowledge, name="knowledge")


@knowledge.callback()
def _knowledge() -> None:
    """The drug tables of a site."""


@knowledge.command("import")
def knowledge_import(
    rrf: Annotated[
        Path, typer.Option("--rrf", metavar="DIR", help="A downloaded release of RxNorm.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The tables; default TAPERGUARD_KNOWLEDGE."),
    ] = None,
    ndc: Annotated[bool, typer.Option("--ndc", help="NDC packages as well.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Write the tables.")] = False,
    released_on: Annotated[
        str | None,
        typer.Option("--released-on", metavar="DATE", help="Where the release does not say it."),
    ] = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="text or json.")
    ] = "text",
) -> int:
    """What a release of RxNorm changes in the drug tables; --apply takes it over."""
    day = _date(released_on, "--released-on")
    out = out or importlib.import_module("taperguard.settings").load().knowledge
    code: int = _command("knowledge").run(
        rrf=rrf,
        out=out,
        with_ndc=ndc,
        apply=apply,
        released_on=day,
        today=datetime.now(UTC).astimezone().date(),
        output_format=output_format,
        stdout=sys.stdout,
    )
    return code


report = typer.Typer(help="The population report.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(report, name="report")


@report.callback()
def _report() -> None:
    """The population report."""


@report.command("run")
def report_run(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write it.")],
    on: OnOption = None,
    ndjson: Annotated[
        Path | None, typer.Option("--ndjson", metavar="DIR", help="A folder of Bulk Data files.")
    ] = None,
    bulk: Annotated[
        str | None, typer.Option("--bulk", metavar="URL", help="The FHIR base of a known EHR.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="ID", help="The group to export.")
    ] = None,
) -> int:
    """Make the report of a day; started again after a kill, it goes on."""
    day = _date(on, "--on")
    code: int = _command("report").run(
        on=day,
        out=out,
        ndjson=ndjson,
        bulk=bulk,
        group=group,
        stdout=sys.stdout,
        stderr=sys.stderr,
    )
    return code


@report.command("again")
def report_again(
    ehr: Annotated[str, typer.Option("--ehr", metavar="ID", help="An EHR of the registry.")],
) -> int:
    """Have the workers make tonight's report once more; it replaces the night's."""
    code: int = _command("report_again").run(ehr_id=ehr, stderr=sys.stderr)
    return code
