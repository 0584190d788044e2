"""HTML as a tree of elements, by the parser of the standard library."""

import html.parser
from collections.abc import Iterator

VOID = {"meta", "link", "br", "img", "hr", "input"}
FOREIGN = {"path", "rect", "use", "image", "polyline", "line", "circle", "stop"}


class Element:
    """An element with its attributes, and its children: elements and texts."""

    def __init__(self, tag: str, attributes: dict[str, str | None]):
        self.tag, self.attributes, self.children = tag, attributes, []

    def __getitem__(self, name: str) -> str | None:
        return self.attributes[name]

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)

    @property
    def text(self) -> str:
        """All text inside, on one line."""
        parts = (child if isinstance(child, str) else child.text for child in self.children)
        return " ".join(" ".join(parts).split())

    def all(self, *tags: str) -> list["Element"]:
        """The elements inside with one of these tags, or all, in the order of the page."""
        return [one for one in self._walk() if not tags or one.tag in tags]

    def _walk(self) -> Iterator["Element"]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child._walk()


class _Parser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag, attributes):
        element = Element(tag, dict(attributes))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attributes):
        assert tag in VOID | FOREIGN or self.inside("svg"), tag
        self.open[-1].children.append(Element(tag, dict(attributes)))

    def inside(self, tag: str) -> bool:
        return any(element.tag == tag for element in self.open)

    def handle_endtag(self, tag):
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].children.append(data)


def parse(text: str) -> Element:
    """The page as an element; AssertionError if elements do not nest."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    (root,) = parser.open
    return root
