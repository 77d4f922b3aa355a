"""What no line of the code may do: run what a stranger's file says."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("webapp", "inference", "training", "docs")  # tests make such files to be refused
# Modules whose loading runs code, and calls that do; `compile` makes what `exec` runs.
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
CALLS = {"eval", "exec", "compile", "torch.load", "yaml.load", "yaml.unsafe_load", "os.system",
         "os.popen", "pandas.read_pickle", "pd.read_pickle"}  # fmt: skip
SOUND = {"shell": False, "allow_pickle": False}  # arguments that may be given only so


def name_of(node: ast.expr) -> str:
    """Return a dotted name, or "" for another expression."""
    if isinstance(node, ast.Attribute):
        before = name_of(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""


def breaches(text: str) -> list[str]:
    """Return what a file must not do, with its lines."""
    found = []
    for node in ast.walk(ast.parse(text)):
        words = []
        if isinstance(node, ast.Import):
            words = [alias.name for alias in node.names if alias.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            words = [node.module] if (node.module or "").split(".")[0] in MODULES else []
        elif isinstance(node, ast.Call):
            words = [name_of(node.func)] if name_of(node.func) in CALLS else []
            words += [
                f"{each.arg}="
                for each in node.keywords
                if each.arg in SOUND
                and not (
                    isinstance(each.value, ast.Constant) and each.value.value is SOUND[each.arg]
                )
            ]
        found += [f"{word} in line {node.lineno}" for word in words]  # type: ignore[attr-defined]
    return found


def test_no_file_runs_what_a_strangers_file_says():
    files = [ROOT / "manage.py", *(f for name in PACKAGES for f in (ROOT / name).rglob("*.py"))]
    assert len(files) > 400
    found = {str(path.relative_to(ROOT)): breaches(path.read_text("utf-8")) for path in files}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from pickle import loads", "import joblib.numpy_pickle", "eval('1')",
        "torch.load(path)", "yaml.load(text)", "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=answer)", "subprocess.run('x', shell=True)", "os.system('x')",
        "exec(text)", "pd.read_pickle(path)",
    ],
)  # fmt: skip
def test_what_is_forbidden_is_noticed(text):
    assert breaches(text)


@pytest.mark.parametrize(
    "text",
    [
        "np.load(path, allow_pickle=False)", "subprocess.run(['x'], shell=False)",
        "re.compile('x')",
        "page.evaluate('1')", "model.eval()", "json.load(file)", "import picket",
    ],
)  # fmt: skip
def test_what_is_allowed_passes(text):
    assert breaches(text) == []
