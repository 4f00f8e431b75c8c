"""Whether vLLM can start with a configuration: its own parser reads it, and nothing is loaded.

Usage: python -c … FILE BACKEND. The last line on standard output is the reason.
"""

import difflib
import re
import sys


def meant(message, parser):
    """The words of the parser, with the flag that was probably meant."""
    unknown = re.search(r"unrecognized arguments: (--\S+)", message)
    near = difflib.get_close_matches(unknown[1], list(parser._option_string_actions), 1) if unknown else []
    return f"{message} (did you mean {near[0]}?)" if near else message


def read(file):
    """The configuration as vLLM understands it. Raises ValueError, TypeError or KeyError with what is wrong."""
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.entrypoints.launchers.launcher import validate_api_server_args
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = make_arg_parser(FlexibleArgumentParser())

    def error(message):
        raise ValueError(meant(message, parser))

    parser.error = error
    found = parser.parse_args(["--config", file])
    validate_parsed_serve_args(found)
    validate_api_server_args(found)
    return found


def check_cards(found):
    """Raises ValueError if the host has fewer cards than the server needs."""
    import torch

    needed, there = found.tensor_parallel_size * found.pipeline_parallel_size, torch.cuda.device_count()
    if there < needed:
        cards = "its card" if needed == 1 else f"its {needed} cards"
        raise ValueError(f"it needs {cards}, and torch sees {there}: install the driver, or write `vllm_backend: cpu`")


def main():
    """Ends with 3 and the reason if it can't."""
    file, backend = sys.argv[1:]
    try:
        found = read(file)
        if backend == "cuda":
            check_cards(found)
    except (ValueError, TypeError, KeyError, OSError) as error:
        words = error.args[0] if error.args and isinstance(error, KeyError) else error
        print("\n" + " ".join(str(words).split()))
        sys.exit(3)


if __name__ == "__main__":
    main()
