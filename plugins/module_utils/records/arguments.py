# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The words of the command `ai-backend`."""

from __future__ import annotations

import argparse
import re
import time
from typing import Any

NOTHING, USAGE = 1, 2
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
EXAMPLES = {
    "": """examples:
  ai-backend requests --follow --errors
  ai-backend requests --since 1h --summary
  ai-backend ask --model lab-tiny --prompt "Are you there?"
  ai-backend cache stats
  ai-backend top

exit codes: 0 done, 1 nothing found or a problem, 2 wrong words""",
    "requests": """examples:
  ai-backend requests                                the last 20
  ai-backend requests --since 15m --errors
  ai-backend requests --id ci-7f31 --json
  ai-backend requests --follow --client ci --slow
  ai-backend requests --since 1d --summary""",
    "ask": """examples:
  ai-backend ask --model lab-tiny --prompt "Are you there?"
  ai-backend ask --model lab-tiny --json | jq .hops""",
    "cache": """examples:
  ai-backend cache stats
  ai-backend cache keys --model lab-tiny
  ai-backend cache watch
  ai-backend cache flush --yes""",
    "top": """examples:
  ai-backend top                                     q quits
  ssh -t gpu1 sudo ai-backend top
  ai-backend top --json                              one look, for a program""",
}


def seconds(text: str) -> float:
    """`90s`, `15m`, `2h`, `1d` or a number of seconds."""
    match = re.fullmatch(r"(\d+)([smhd]?)", text)
    if match is None or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90s, 15m, 2h or 1d")
    return int(match[1]) * UNITS[match[2] or "s"]


def count(text: str) -> int:
    """A number from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """All of them."""
    whole = argparse.ArgumentParser(prog="ai-backend", **_words("", "Look at the gateway of this host."))
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="requests|ask|cache|top")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="for a program: JSON, of many things one in a line")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, parents=[common], help=text, **_words(name, text))

    _requests(verb("requests", "Show what was asked."))
    ask = verb("ask", "Ask a model, and see where the time goes.")
    ask.add_argument("--model", required=True, metavar="NAME")
    ask.add_argument("--prompt", default="Answer with one word: are you there?", metavar="TEXT")
    ask.add_argument("--max-tokens", type=count, default=64, metavar="N")
    ask.add_argument("--timeout", type=seconds, default=600.0, metavar="TIME")
    cache = verb("cache", "Look at the answers that are kept, or delete them.")
    cache.add_argument("what", choices=["stats", "keys", "watch", "flush"])
    cache.add_argument("--model", default="", metavar="NAME", help="for keys and flush: only of this model")
    cache.add_argument("--yes", action="store_true", help="for flush: you mean it")
    cache.add_argument("--interval", type=seconds, default=2.0, metavar="TIME", help="for watch; default 2s")
    cache.add_argument("--count", type=count, default=0, metavar="N", help="for watch: so many lines, then end")
    verb("top", "Show providers, models, slots and changes, live.")
    return whole


def _words(name: str, text: str) -> dict[str, Any]:
    shape = argparse.RawDescriptionHelpFormatter
    return {"description": text, "epilog": EXAMPLES[name], "formatter_class": shape}


def _requests(requests: argparse.ArgumentParser) -> None:
    requests.add_argument("--follow", action="store_true", help="go on with what comes")
    requests.add_argument("--summary", action="store_true", help="by model, client and provider")
    requests.add_argument("--model", default="", metavar="NAME")
    requests.add_argument("--client", default="", metavar="NAME")
    requests.add_argument("--id", default="", metavar="ID")
    requests.add_argument("--slow", action="store_true", help="only slow ones")
    requests.add_argument("--errors", action="store_true", help="only those with an error")
    requests.add_argument("--since", type=seconds, default=0.0, metavar="TIME", help="such as 90s, 15m, 2h, 1d")
    requests.add_argument("--last", type=count, default=0, metavar="N", help="so many; default 20 without --since")


def since(given: argparse.Namespace) -> float:
    """As a time of the clock; 0 for none."""
    return time.time() - given.since if given.since else 0.0
