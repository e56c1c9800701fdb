"""How the house stands: files, circles, floors, lines, long functions, hidden imports, loose types.

    python -m bench.house [FOLDER]

FOLDER is a checkout of AgeScope, of this version or an earlier one; without it, this one.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

LONG = 50


def modules(folder: Path) -> dict[str, ast.Module]:
    """Name -> syntax tree of every module of the engine and the pages."""
    files = [path for part in ("core", "pages") for path in sorted((folder / part).rglob("*.py"))]
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_text())
        for path in files
    }


def imported(tree: ast.Module, known: set[str]) -> set[str]:
    """The modules of ours that a module imports, when it is loaded or later."""
    for_types = {id(inner) for node in ast.walk(tree) if is_for_types(node) for inner in ast.walk(node)}
    found = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = {f"{node.module}.{alias.name}" for alias in node.names} & known
            found |= named or {node.module}
    return found & known


def is_for_types(node: ast.AST) -> bool:
    """Whether a block is read by mypy only."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def circles(needs: dict[str, set[str]]) -> int:
    """How many groups of modules import one another in a circle."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            for name in needs[ahead.pop()] - seen:
                seen.add(name)
                ahead.append(name)
        return seen

    reach = {name: reached(name) for name in needs}
    return len(
        {frozenset(other for other in reach[name] if name in reach[other]) for name in needs if name in reach[name]}
    )


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Its lines, from ``def`` to its end."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def hidden_imports(tree: ast.Module) -> int:
    """Imports of ours inside of functions."""
    hidden = {
        node
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("core", "pages")
    }
    return len(hidden)


def is_loose(node: ast.AST) -> bool:
    """Whether a part of a type is ``dict[str, Any]``."""
    return isinstance(node, ast.Subscript) and ast.unparse(node) == "dict[str, Any]"


def depth(node: ast.AST, above: int = 0) -> int:
    """How deep blocks stand in one another; functions and classes begin anew."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return above
    here = above + isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try)
    return max([here, *(depth(child, here) for child in ast.iter_child_nodes(node))])


def floors(folder: Path) -> int:
    """Of the import contract; 0 where there is none."""
    contracts = (
        tomllib.loads((folder / "pyproject.toml").read_text())["tool"].get("importlinter", {}).get("contracts", [])
    )
    return next((len(contract["layers"]) for contract in contracts if contract["type"] == "layers"), 0)


def figures(folder: Path) -> dict[str, int]:
    """Everything that is counted, in words."""
    trees = modules(folder)
    needs = {name: imported(tree, set(trees)) - {name} for name, tree in trees.items()}
    every = [function for tree in trees.values() for function in functions(tree)]
    lines = {
        part: sum(len(path.read_text().splitlines()) for path in (folder / part).rglob("*.py"))
        for part in ("core", "pages")
    }
    return {
        "files flat in core": len([*(folder / "core").glob("*.py")]),
        "circles of imports": circles(needs),
        "floors of the contract": floors(folder),
        "lines of core": lines["core"],
        "lines of pages": lines["pages"],
        "functions": len(every),
        f"functions over {LONG} lines": sum(length(function) > LONG for function in every),
        "longest function": max(map(length, every)),
        "hidden imports": sum(map(hidden_imports, trees.values())),
        "dict[str, Any]": sum(map(is_loose, (node for tree in trees.values() for node in ast.walk(tree)))),
        "deepest module body of a page": max(depth(tree) for name, tree in trees.items() if name.startswith("pages.")),
    }


if __name__ == "__main__":
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent
    for name, value in figures(root).items():
        print(f"{value:8,}  {name}")
