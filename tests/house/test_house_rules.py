"""Rules of the house that a machine can check."""

import ast
import re
from pathlib import Path

import pytest
from processes import run
from together import unit_of

from ehr.needs import NEEDS

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "deploy" / "locks").glob("*.txt"))
OURS = {"clinical", "ehr", "store", "cds_hooks", "smart_app", "workers"}
CODE = sorted(
    file
    for room in (*OURS, "taperguard")
    for file in (ROOT / room).rglob("*.py")
    if "__pycache__" not in file.parts
)


def tracked() -> list[Path]:
    listed = run(["git", "ls-files", "-z"], cwd=ROOT, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda f: f.name)
def test_locks_are_hashed_and_name_no_host(lock):
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in requirement


def test_the_image_s_lock_is_part_of_the_development_lock():
    versions = [
        set(re.findall(r"^(\S+==\S+)", f.read_text(), re.MULTILINE))
        for f in (
            ROOT / "deploy" / "locks" / "image.txt",
            ROOT / "deploy" / "locks" / "dev.txt",
        )
    ]
    assert versions[0] <= versions[1]


def test_no_uv_lock_and_no_machine_paths_are_tracked():
    names = {file.name for file in tracked()}
    assert not names & {"uv.lock", "package-lock.json"}


def imports_of(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize(
    "file",
    sorted((ROOT / "taperguard" / "sandbox").rglob("*.py")),
    ids=lambda f: str(f.relative_to(ROOT)),
)
def test_the_sandbox_imports_none_of_our_packages(file):
    for name in imports_of(file):
        room = name.partition(".")[0]
        assert room not in OURS
        assert room != "taperguard" or name.startswith("taperguard.sandbox")


def test_the_dose_curve_sets_no_dose():
    """It illustrates: only pictures and their page may look at it, no other rule of the core."""
    looking = {file.relative_to(ROOT) for file in CODE if "clinical.kinetics" in imports_of(file)}
    assert looking
    assert {file.parts[:2] for file in looking} == {("smart_app", "planner")}


@pytest.mark.parametrize("file", CODE, ids=lambda f: str(f.relative_to(ROOT)))
def test_files_have_one_subject(file):
    """Beyond about 500 lines a file most likely has two."""
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 550


def test_clients_of_ehrs_are_made_where_connections_are_guarded():
    """A client made elsewhere would connect to whatever a name leads to: the metadata of a cloud,
    this machine.
    """
    making = {
        file.relative_to(ROOT).as_posix()
        for file in CODE
        if "sandbox" not in file.parts
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"httpx2.Client", "httpx2.AsyncClient"}
    }
    assert making == {"ehr/network.py", "ehr/worker_network.py"}


def test_every_prefetch_key_of_the_contract_is_a_need():
    assert [need.key for need in NEEDS] == [
        "patient",
        "medications",
        "conditions",
        "statements",
        "dispenses",
        "allergies",
        "observations",
    ]
    assert [need.key for need in NEEDS if need.required] == ["patient", "medications", "conditions"]


def test_files_that_share_a_server_are_run_by_one_process():
    """Without it every process of a run starts the demo: `tests/support/together.py`."""
    journeys = ROOT / "tests" / "journeys"
    demo = [
        file.relative_to(ROOT).as_posix()
        for file in sorted(journeys.glob("test_*.py"))
        if re.search(r"\bdemo: ", file.read_text(encoding="utf-8"))
    ]
    assert len(demo) > 5
    assert {unit_of(file) for file in demo} == {"ordering"}
    alone = "tests/unit/cds_hooks/test_cards.py"
    assert unit_of(alone) == alone
    assert unit_of(alone, otherwise=f"{alone}::test_one") == f"{alone}::test_one"
