"""Walking through the source of a class: which keys of one mapping it reads, and when."""
import ast
import inspect
import sys
import textwrap
from typing import Any, NamedTuple

ALWAYS, TRAINING, ELSE, SOMETIMES = 'always', 'in training', 'outside training', 'sometimes'
COPIES = {'dict', 'deepcopy', 'copy'}
HARMLESS = {'print', 'len', 'isinstance', 'str', 'repr', 'type', 'id', 'bool', 'info', 'debug', 'warning', 'pformat'}


class Method(NamedTuple):
    """A method, and the class whose body holds it."""

    owner: type
    node: ast.FunctionDef


def parameter_names(node: ast.FunctionDef) -> list[str]:
    """Names of the positional parameters."""
    return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]


class SourceReader(ast.NodeVisitor):
    """Walks through methods and the helpers that they hand the mapping to.

    Args:
        cls: The class.
        methods: The methods of each class it derives from, by name.

    reads: key -> when it is read by plain subscription. guarded: keys that are asked for first, or have a default.
    is_open: whether other keys may be read unseen.
    """

    def __init__(self, cls: type, methods: dict[type, dict[str, ast.FunctionDef]]):
        self.cls, self.methods = cls, methods
        self.reads: dict[str, set[str]] = {}
        self.guarded: set[str] = set()
        self.is_open = False
        self.attributes: set[str] = set()  # self.opt
        self.entered: set[tuple] = set()
        self.names: set[str] = set()
        self.when, self.owner, self.scope = ALWAYS, cls, {}

    def find(self, name: str, after: type | None = None) -> Method | None:
        """A method as Python would find it; as super() in a class would, where `after` is given."""
        mro = list(self.cls.__mro__)
        for owner in mro[mro.index(after) + 1 if after else 0:]:
            if name in self.methods.get(owner, {}):
                return Method(owner, self.methods[owner][name])
        return None

    def enter(self, name: str, when: str) -> None:
        method = self.find(name)
        if method is not None:
            self.read_method(method, set(), when)

    def read_method(self, method: Method, names: set[str], when: str) -> None:
        scope = vars(sys.modules.get(method.owner.__module__, object))
        self.read_function(method.node, names, when, method.owner, scope)

    def read_function(self, node: ast.FunctionDef, names: set[str], when: str, owner: type, scope: Any) -> None:
        """Read a function in which `names` stand for the mapping."""
        key = (node, frozenset(names), when)
        if key in self.entered or (when == SOMETIMES and any(seen[0] is node for seen in self.entered)):
            return
        self.entered.add(key)
        before = self.names, self.when, self.owner, self.scope
        self.names, self.when, self.owner, self.scope = set(names), when, owner, scope
        self.read_body(node.body)
        self.names, self.when, self.owner, self.scope = before

    def read_body(self, body: list[ast.stmt], when: str | None = None) -> None:
        before, self.when = self.when, when or self.when
        for statement in body:
            self.visit(statement)
            if isinstance(statement, ast.If) and any(isinstance(node, ast.Return) for node in ast.walk(statement)):
                self.when = SOMETIMES
        self.when = before

    def is_opt(self, node: ast.AST) -> bool:
        """Whether an expression is the mapping itself, or a copy of it."""
        if isinstance(node, ast.Name):
            return node.id in self.names
        if isinstance(node, ast.Attribute):
            return isinstance(node.value, ast.Name) and node.value.id == 'self' and node.attr in self.attributes
        if isinstance(node, ast.Call):
            name = _called(node)
            return (name in COPIES and len(node.args) == 1 and self.is_opt(node.args[0])) or (
                name == 'copy' and isinstance(node.func, ast.Attribute) and self.is_opt(node.func.value))
        return False

    def visit_Name(self, node: ast.Name) -> None:
        self.is_open |= isinstance(node.ctx, ast.Load) and self.is_opt(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if self.is_opt(node):
            self.is_open |= isinstance(node.ctx, ast.Load)
        else:
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not self.is_opt(node.value):
            self.generic_visit(node)
            return
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.names.add(target.id)
            elif isinstance(target, ast.Attribute):
                self.attributes.add(target.attr)
            else:
                self.is_open = True

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not self.is_opt(node.value):
            self.generic_visit(node)
        elif not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
            self.is_open = True
            self.visit(node.slice)
        elif isinstance(node.ctx, ast.Load):
            self.reads.setdefault(node.slice.value, set()).add(self.when)
        else:
            self.guarded.add(node.slice.value)  # written by the class itself

    def visit_Compare(self, node: ast.Compare) -> None:
        asks = isinstance(node.left, ast.Constant) and isinstance(node.ops[0], ast.In | ast.NotIn)
        if asks and self.is_opt(node.comparators[0]):
            self.guarded.add(str(node.left.value))
        else:
            self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        phase = self._phase(node.test) if self.when == ALWAYS else SOMETIMES
        self.read_body(node.body, phase)
        self.read_body(node.orelse, {TRAINING: ELSE, ELSE: TRAINING}.get(phase, SOMETIMES))

    def _phase(self, test: ast.expr) -> str:
        """When a condition on opt['phase'] holds."""
        if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.comparators[0], ast.Constant)
                and test.comparators[0].value == 'train' and isinstance(test.left, ast.Subscript)
                and self.is_opt(test.left.value) and isinstance(test.left.slice, ast.Constant)
                and test.left.slice.value == 'phase'):
            return SOMETIMES
        return {ast.Eq: TRAINING, ast.NotEq: ELSE}.get(type(test.ops[0]), SOMETIMES)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self._sometimes(node.body, node.orelse)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self._sometimes(*node.values[1:])

    def visit_Try(self, node: ast.Try) -> None:
        self._sometimes(*node.body, *node.handlers, *node.orelse)
        self.read_body(node.finalbody)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        self._sometimes(*node.body, *node.orelse)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._sometimes(*node.body, *node.orelse)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._sometimes(*node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._sometimes(node.body)

    def _sometimes(self, *nodes: ast.AST) -> None:
        before, self.when = self.when, SOMETIMES
        for node in nodes:
            self.visit(node)
        self.when = before

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and self.is_opt(node.func.value):
            self._read_by_method(node)
            return
        given = [argument for argument in (*node.args, *(keyword.value for keyword in node.keywords))
                 if self.is_opt(argument)]
        unpacked = any(keyword.arg is None and self.is_opt(keyword.value) for keyword in node.keywords)
        self.is_open |= unpacked
        for child in (node.func, *node.args, *(keyword.value for keyword in node.keywords)):
            if child not in given:
                self.visit(child)
        if not unpacked and _called(node) not in HARMLESS:
            self._follow(node, bool(given))

    def _read_by_method(self, node: ast.Call) -> None:
        """opt.get('x'), opt.pop('x', 1), opt.items() ..."""
        key = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if node.func.attr in ('get', 'setdefault', 'pop') and isinstance(key, str):
            if node.func.attr == 'pop' and len(node.args) == 1:
                self.reads.setdefault(key, set()).add(self.when)
            else:
                self.guarded.add(key)
        elif node.func.attr != 'update':
            self.is_open = True
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self.visit(argument)

    def _follow(self, node: ast.Call, given: bool) -> None:
        """Read the function that is called: a method of the class, super()'s, or a helper that gets the mapping."""
        function, scope, owner, skip = None, self.scope, self.owner, 0
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name | ast.Call):
            value = node.func.value
            is_super = isinstance(value, ast.Call) and _called(value) == 'super'
            if is_super or (isinstance(value, ast.Name) and value.id == 'self'):
                method = self.find(node.func.attr, self.owner if is_super else None)
                if method is not None:
                    function, owner, skip = method.node, method.owner, 1
                    scope = vars(sys.modules.get(owner.__module__, object))
        elif isinstance(node.func, ast.Name) and given:
            function, scope = _helper(self.scope.get(node.func.id))
        if function is None:
            self.is_open |= given
            return
        names = parameter_names(function)[skip:]
        passed = {name for name, argument in zip(names, node.args, strict=False) if self.is_opt(argument)}
        passed |= {keyword.arg for keyword in node.keywords if self.is_opt(keyword.value)}
        self.is_open |= given and not passed
        self.read_function(function, passed, self.when, owner, scope)


def _called(node: ast.Call) -> str:
    return getattr(node.func, 'id', getattr(node.func, 'attr', ''))


def _helper(value: Any) -> tuple[ast.FunctionDef | None, Any]:
    """The source of a plain function, and the names it sees."""
    try:
        node = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]
    except (OSError, TypeError, SyntaxError):
        return None, {}
    if not isinstance(node, ast.FunctionDef):
        return None, {}
    return node, getattr(value, '__globals__', {})
