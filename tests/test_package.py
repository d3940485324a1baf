"""The repository as a whole: public names, layers, imports, and no pickle."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import leadlens

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "leadlens").rglob("*.py"))
PUBLIC = [
    "CohortSettings",
    "LeadlensError",
    "Recording",
    "__version__",
    "explain_ecg",
    "load_bundle",
    "open_store",
    "read",
    "simulate_cohort",
]
UNPICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def run_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_public_names_are_exactly_these_and_at_most_fifteen() -> None:
    assert leadlens.__all__ == PUBLIC
    assert dir(leadlens) == PUBLIC
    assert len(PUBLIC) <= 15


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(leadlens, name) is not None


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = leadlens.nothing


def test_importing_leadlens_imports_nothing_heavy() -> None:
    code = "import sys, leadlens; print([m for m in ('numpy','torch','scipy') if m in sys.modules])"
    assert run_python(code).strip() == "[]"


@pytest.mark.parametrize("words", [["--help"], ["study", "plan", "studies/demo.yaml"]])
def test_a_command_that_computes_nothing_imports_neither_torch_nor_scikit_learn(
    words: list[str],
) -> None:
    code = (
        f"import sys; sys.argv = {['leadlens', *words]!r}\n"
        "from leadlens.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stopped:\n    assert not stopped.code\n"
        "heavy = ('torch', 'sklearn', 'matplotlib', 'captum')\n"
        "print('heavy:', [m for m in heavy if m in sys.modules])"
    )
    assert run_python(code).splitlines()[-1] == "heavy: []"


def imported(tree: ast.AST) -> set[str]:
    """Return the top-level packages that a module imports, anywhere in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_no_module_can_unpickle() -> None:
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        assert not imported(tree) & UNPICKLES, path
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            arguments = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert called not in ("torch.load", "torch.save", "eval", "exec"), path
            assert arguments.get("allow_pickle", "False") == "False", path


def test_the_engines_and_the_ecg_know_no_network() -> None:
    for room in ("ecg", "engines", "io", "data", "simulate", "evaluation"):
        for path in (ROOT / "src" / "leadlens" / room).rglob("*.py"):
            assert "torch" not in imported(ast.parse(path.read_text())), path


def test_imports_point_one_way() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    assert "KEPT" in run_python(code)


def test_every_module_says_what_it_is() -> None:
    for path in SOURCES:
        assert ast.get_docstring(ast.parse(path.read_text())), path
