"""Formulas in a file, e.g. "3e6*sin(pi*x/0.2)": arithmetic alone, parsed into a tree and never run as Python."""

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError

BINARY = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
COMPARE = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}
FUNCTIONS = {
    "sqrt": 1, "exp": 1, "log": 1, "sin": 1, "cos": 1, "tan": 1, "tanh": 1, "sinh": 1, "cosh": 1, "abs": 1,
    "atan2": 2, "min": 2, "max": 2,
}  # fmt: skip
NUMPY: dict[str, Any] = {
    "sqrt": np.sqrt, "exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "tan": np.tan, "tanh": np.tanh,
    "sinh": np.sinh, "cosh": np.cosh, "abs": np.abs, "atan2": np.arctan2, "min": np.minimum, "max": np.maximum,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "where": np.where,
}  # fmt: skip
DEEPEST = 60


@dataclass(frozen=True)
class Backend:
    """What a formula is evaluated with.

    Args:
        functions: by name; beside `FUNCTIONS` the comparisons lt, le, gt, ge and `where(condition, yes, no)`.
        number: what a number of the formula becomes (exponents stay numbers).
    """

    functions: Mapping[str, Callable[..., Any]]
    number: Callable[[float], Any] = float


class Expression:
    """A formula of named quantities: + - * / **, ^ for **, parentheses, `a if x < b else c` and `FUNCTIONS`.

    Args:
        text: the formula.
        names: quantities that it may use.

    Raises:
        InputError: it is no such formula; the text says what may stand in one.
    """

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text = text
        try:
            self._tree = ast.parse(text.strip().replace("^", "**"), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise InputError(f"{text[:60]!r} is no formula") from None
        self.names: set[str] = set()
        self._check(self._tree, names, 0)

    def __call__(self, backend: Backend, values: Mapping[str, Any]) -> Any:
        """The formula's value for values of its quantities."""
        return self._value(self._tree, backend, values)

    def _check(self, node: ast.AST, names: Sequence[str], depth: int) -> None:
        if depth > DEEPEST:
            raise InputError(f"{self.text[:60]!r}... is nested deeper than {DEEPEST}")
        match node:
            case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
                return
            case ast.Name(id="pi"):
                return
            case ast.Name(id=name):
                if name not in names:
                    raise InputError(f"{self.text!r}: {name!r} is unknown; there are: {', '.join([*names, 'pi'])}")
                self.names.add(name)
                return
            case ast.BinOp(op=op) if type(op) in BINARY:
                pass
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                pass
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                if name not in FUNCTIONS or len(arguments) != FUNCTIONS[name]:
                    known = ", ".join(f"{key}({', '.join('ab'[:count])})" for key, count in FUNCTIONS.items())
                    raise InputError(f"{self.text!r}: {name!r} is no function of it; there are: {known}")
                self._check_all(arguments, names, depth)
                return
            case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right])) if type(op) in COMPARE:
                self._check_all([left, right, node.body, node.orelse], names, depth)
                return
            case _:
                raise InputError(f"{self.text!r}: {ast.unparse(node)!r} may not stand in a formula")
        self._check_all([part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)], names, depth)

    def _check_all(self, parts: Sequence[ast.AST], names: Sequence[str], depth: int) -> None:
        for part in parts:
            self._check(part, names, depth + 1)

    def _value(self, node: ast.AST, backend: Backend, values: Mapping[str, Any]) -> Any:
        def of(part: ast.AST) -> Any:
            return self._value(part, backend, values)

        match node:
            case ast.Constant(value=int() | float() as number):
                return backend.number(float(number))
            case ast.Name(id=name):
                return values[name] if name in values else backend.number(math.pi)
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() | float() as exponent)):
                return of(left) ** exponent
            case ast.BinOp(left=left, op=op, right=right):
                return BINARY[type(op)](of(left), of(right))
            case ast.UnaryOp(op=op, operand=operand):
                return -of(operand) if isinstance(op, ast.USub) else of(operand)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return backend.functions[name](*map(of, arguments))
            case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=yes, orelse=no):
                condition = backend.functions[COMPARE[type(op)]](of(left), of(right))
                return backend.functions["where"](condition, of(yes), of(no))
        raise TypeError(f"unchecked node {ast.dump(node)}")
