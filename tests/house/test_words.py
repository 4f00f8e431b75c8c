"""The pages are short, and their English is plain: one word for one thing, the one that the field uses."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator

import pytest

from checkout import short, tracked
from toolcache import ROOT

# Git path patterns of the files whose words are checked, each as a whole: comments, docstrings and strings.
PLACES = (
    "docs/*.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "playbooks/*",
    "plugins/*",
    "roles/*",
)
CHECKED = tracked(*PLACES)
PAGES = tracked("docs/*.md", "README.md", "CONTRIBUTING.md", "SECURITY.md")
LONGEST_PAGE = 250
GENERATED = re.compile(r"<!-- generated: begin -->.*?<!-- generated: end -->", re.S)
# What a page quotes is written elsewhere: fenced blocks, also inside a list, and words in backticks.
QUOTED = re.compile(r"^ *```.*?^ *```$|(?P<ticks>`+)(?:(?!\n\s*\n).)+?(?P=ticks)", re.M | re.S)
# (pattern, what to write). A pattern ignores case and matches whole words; a space matches a line break too.
WORDS = (
    (r"ways? back", "rollback"),
    (r"(?:is|are|was|were|be|been) (?:taken|brought) back|(?:takes?|brings?) (?:it |them )?back", "roll back, restore"),
    (r"mend(?:s|ed|ing)?", "fix"),
    (r"says|saying", "report, show, contain or state"),
    (r"said", "report, show, contain or state"),
    # The exception is the name of an argument.
    (r"say(?!=)", "report, show, contain or state"),
    (r"of ours|ours", "managed"),
    (r"our", "managed, or: of the collection"),
    (r"strangers?|somebody|someone|whoever", "another process, an unmanaged engine, or the name of what it is"),
    (r"night switch", "disables a provider temporarily"),
    (r"(?:go|goes|going) round", "is circular"),
    (r"none to stand in|stands? in(?! for)", "name the alternative, or: replaces"),
    (r"stands?(?! for| in|-)", "is"),
    (r"by (?:itself|themselves)", "automatically"),
    (r"anew", "again"),
    (r"meanwhile", "in this time"),
    # The exception is a value of ai_backend_reload_strategy.
    (
        r"(?<![\[(\"'])(?<!strategy:\s)(?<!default:\s)beside",
        "next to, in addition to, or compared with",
    ),
    (r"(?:lies|lay) (?:in|on|at|below|there|off)", "is, or: is stored"),
    (r"hurt|spine", "affected; all services"),
    (r"wants? (?:a|an|the|its|to know)", "needs"),
    (r"(?:takes?|taken) (?:\w+ )?(?:of\w* )?off", "remove"),
    (r"speaks noise", "with random weights"),
    (r"is no (?:yaml|text|mapping|list|number|name)", "is not a"),
    (r"that is none", "without one"),
    (r"second round|bring(?:s|ing)? up", "name what is found later"),
    (r"a run elsewhere", "a run on another machine"),
    (r"how to mend|see that it is over", "fix; check the result"),
)
SPACE = r"\s+"
BANNED = [(re.compile(rf"\b(?:{word.replace(' ', SPACE)})\b", re.IGNORECASE), instead) for word, instead in WORDS]


def covered(match: re.Match[str]) -> str:
    """Nothing to read, on as many lines."""
    return re.sub(r"[^\n]", "·", match.group())


def written(path: pathlib.Path) -> str:
    """What was written by hand in a file: without generated parts and quotations, every line at its place."""
    return QUOTED.sub(covered, GENERATED.sub(covered, path.read_text(encoding="utf-8")))


def found(text: str) -> Iterator[tuple[int, str, str]]:
    """(line, words, what to write) of every banned word of a text."""
    for pattern, instead in BANNED:
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, " ".join(match.group().split()), instead


@pytest.mark.parametrize("path", CHECKED, ids=short)
def test_the_words_are_plain(path: pathlib.Path) -> None:
    lines = [f"{short(path)}:{line}: '{words}': write {instead}" for line, words, instead in found(written(path))]
    assert not lines, "\n" + "\n".join(sorted(lines))


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_a_page_is_short(path: pathlib.Path) -> None:
    lines = len(GENERATED.sub("", path.read_text(encoding="utf-8")).splitlines())
    assert lines <= LONGEST_PAGE, f"{short(path)} has {lines} lines by hand: split it, at most {LONGEST_PAGE}"


@pytest.mark.parametrize(
    "text",
    [
        "there is a way\nback",
        "how to mend it",
        "it was Mended",
        "the table says so",
        "a unit of ours",
        "our hosts",
        "it goes round: a to b",
        "the key stands in a file",
        "it is back by itself",
        "made anew",
        "the port that somebody else holds",
        "it was taken back",
    ],
)
def test_a_banned_word_is_found(text: str) -> None:
    assert list(found(text))


@pytest.mark.parametrize(
    "text",
    [
        "we recommend essays on amendments",
        "a stand-in stands for it, an outstanding standard",
        "sources, hours, yours, course",
        "the round robin, a background, a hurtle",
        "service_strategy: beside, default('beside'), V(beside), [beside, restart], say=print",
    ],
)
def test_another_word_is_not(text: str) -> None:
    assert list(found(text)) == []


def test_quotations_and_generated_parts_are_not_read(tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("one\n```sh\nmend\n```\n`ours`\n<!-- generated: begin -->\nanew\n<!-- generated: end -->\nmend\n")
    assert [line for line, _words, _instead in found(written(page))] == [9]


def anchors(path: pathlib.Path) -> set[str]:
    """The anchors of a page's headings, as the common renderers make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=short)
def test_links_lead_to_a_page_and_a_heading(path: pathlib.Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text(encoding="utf-8")):
        file, _hash, anchor = target.partition("#")
        page = (path.parent / file).resolve() if file else path
        assert page.exists(), f"{short(path)}: {target}"
        assert not anchor or anchor in anchors(page), f"{short(path)}: {target}"


def test_the_evidence_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    files = set(re.findall(r"`((?:tests|molecule)/[^`]+)`", text))
    assert sorted(file for file in files if not (ROOT / file).is_file()) == []
    assert set(re.findall(r"`make ([\w-]+)", text)) <= targets
