"""The declarations of a .cu text: where each begins and ends, what it is, which names it declares.

This is no parser of C++: brackets are matched, and what stands before a declaration's first bracket
says what kind it is. That is enough to find kernels and their parameters, and to tell apart what
belongs to the GPU and what to the host.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from tinynet.simulator.kernels.tokens import PAIRS, Token, angle, closing, outline, spelled, tokens

CLASSES = ("struct", "class", "union", "enum")
# Words with an argument list that come before the name that is declared, and are not it.
ATTRIBUTES = ("__launch_bounds__", "__align__", "alignas", "__attribute__", "decltype", "noexcept")


@dataclass(frozen=True)
class Declaration:
    """One declaration of a text, or the opening or the end of a scope around others.

    kind      function (with its body), class, other; open, close: of namespaces and extern "C"
    tokens    all of them
    head      those before the body, the template's parameters and attributes left out
    template  the parameters of a template, as "typename T, int N"; "" for a full specialization;
              None if it is no template
    scope     the namespaces that it lies in
    """

    kind: str
    tokens: tuple[Token, ...]
    head: tuple[Token, ...] = ()
    template: str | None = None
    scope: tuple[str, ...] = ()
    extern_c: bool = False
    names: frozenset[str] = field(default=frozenset())

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end

    @property
    def words(self) -> frozenset[str]:
        return frozenset(token.text for token in self.tokens if token.kind == "word")

    def says(self, word: str) -> bool:
        """Whether `word` stands before the body."""
        return any(token.text == word for token in self.head)


@lru_cache(maxsize=8)  # a launch asks for those of its text many times
def declarations(code: str) -> tuple[Declaration, ...]:
    """The declarations of a .cu text, in order."""
    return tuple(_declarations(tokens(code)))


def _declarations(all_tokens: list[Token]) -> Iterator[Declaration]:
    scopes: list[str | None] = []  # see _scope
    at = 0
    while at < len(all_tokens):
        token = all_tokens[at]
        opening = _opens_scope(all_tokens, at)
        if token.text == "}" and scopes:
            scopes.pop()
            yield Declaration("close", (token,))
            at += 1
        elif token.text == ";":
            at += 1
        elif opening:
            scopes.append(_scope(all_tokens[at : opening - 1]))
            yield Declaration("open", tuple(all_tokens[at:opening]))
            at = opening
        else:
            end = _end(all_tokens, at)
            yield _read(all_tokens[at:end], [s for s in scopes if s], None in scopes)
            at = end


def _scope(opening: list[Token]) -> str | None:
    """a::b of `namespace a::b`, "" of one without a name, None of extern "C"."""
    texts = [token.text for token in opening]
    return None if texts[0] == "extern" else "".join(texts[texts.index("namespace") + 1 :])


def _opens_scope(all_tokens: list[Token], at: int) -> int:
    """Where the inside of the namespace or extern "C" block that begins here begins, or 0."""
    texts = [token.text for token in all_tokens[at : at + 8]]
    if texts[:3] == ["extern", '"C"', "{"]:
        return at + 3
    if texts[:1] == ["inline"]:
        texts, at = texts[1:], at + 1
    if texts[:1] != ["namespace"] or "{" not in texts:
        return 0
    words = texts[1 : texts.index("{")]
    return 0 if "=" in words or ";" in words else at + texts.index("{") + 1


def _end(all_tokens: list[Token], at: int) -> int:
    """Past the last token of the declaration that begins at `at`."""
    first = at
    while at < len(all_tokens):
        text = all_tokens[at].text
        if text == ";":
            return at + 1
        if text == "}":  # of nothing: a text that does not compile
            return max(at, first + 1)
        if text in PAIRS:
            at = closing(all_tokens, at)
            if text == "{" and _is_function(_head(all_tokens[first:at])):
                return at + 1
        at += 1
    return at


def _head(some: list[Token]) -> list[Token]:
    """What stands before the body, without the parameters of templates and attributes."""
    kept, at = [], 0
    while at < len(some) and some[at].text not in ("{", ";"):
        text = some[at].text
        following = some[at + 1].text if at + 1 < len(some) else ""
        if text == "template" and following == "<":
            at = angle(some, at + 1)
        elif text in ATTRIBUTES and following == "(":
            kept.append(some[at])
            at = closing(some, at + 1)
        elif text == "[" and following == "[":
            at = closing(some, at)
        else:
            kept.append(some[at])
        at += 1
    return kept


def _is_function(head: list[Token]) -> bool:
    texts = [token.text for token in head]
    if "(" not in texts:
        return False
    before = texts[: texts.index("(")]
    if "operator" in before:
        return True
    return not ("=" in before or (":" in before and any(word in CLASSES for word in before)))


def _read(some: list[Token], scope: list[str], extern_c: bool) -> Declaration:
    head = _head(some)
    texts = [token.text for token in head]
    if some[-1].text == "}" and _is_function(head):
        kind = "function"
    elif any(word in CLASSES for word in texts[:4]) and any(token.text == "{" for token in some):
        kind = "class"
    else:
        kind = "other"
    return Declaration(
        kind,
        tuple(some),
        tuple(head),
        _template(some),
        tuple(scope),
        extern_c or texts[:2] == ["extern", '"C"'],
        _names(kind, some, head),
    )


def _template(some: list[Token]) -> str | None:
    if [token.text for token in some[:2]] != ["template", "<"]:
        return None
    inside = some[2 : angle(some, 1)]
    return spelled(inside)


def _names(kind: str, some: list[Token], head: list[Token]) -> frozenset[str]:
    texts = [token.text for token in head]
    if texts[:2] == ["using", "namespace"]:
        return frozenset()
    if kind == "function":
        name = name_of_function(head)
        return frozenset([name.text]) if name else frozenset()
    if kind == "class":
        words = [token.text for token in (some if "enum" in texts[:4] else head)]
        after = declared(outline(_without_template(some)))  # typedef struct {...} Matrix;
        return frozenset({*words, *after} - {*CLASSES, "typedef"})
    if texts[:1] == ["using"]:  # using T = ...; using a::b;
        words = [token.text for token in head if token.kind == "word"]
        return frozenset([words[1] if "=" in texts else words[-1]])
    if texts[:1] == ["namespace"]:
        return frozenset(texts[1:2])
    outer = outline(_without_template(some))
    if is_prototype(outer) and (name := name_of_function(head)):
        return frozenset([name.text])
    return frozenset(declared(outer))


def is_prototype(outer: list[Token]) -> bool:
    """Whether an outline is that of a function without its body."""
    texts = [token.text for token in outer]
    return "(" in texts[: texts.index("=") if "=" in texts else None] and "(*" not in "".join(texts)


def _without_template(some: list[Token]) -> list[Token]:
    return some if _template(some) is None else some[angle(some, 1) + 1 :]


def declared(head: list[Token] | tuple[Token, ...]) -> Iterator[str]:
    """a, b and c of `const int a = f(x), b[4], (*c)(int);`"""
    initializer = False
    for before, token, after in zip([None, *head], head, [*head[1:], None]):
        follows = after.text if after else ";"
        if token.text == "=":
            initializer = True
        elif token.text == ",":
            initializer = False
        elif token.kind == "word" and not initializer:
            pointer = follows == ")" and before is not None and before.text == "*"
            if pointer or follows in (";", ",", "=", "["):
                yield token.text


def name_of_function(head: tuple[Token, ...] | list[Token]) -> Token | None:
    """The name that stands before a function's parameters."""
    for token, after in zip(head, head[1:]):
        if after.text == "(" and token.kind == "word" and token.text not in ATTRIBUTES:
            return token
        if token.text == "operator":
            return token
    return None
