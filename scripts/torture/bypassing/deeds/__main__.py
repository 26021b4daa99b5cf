"""Do the deeds in a process of its own, so that they can be done to another copy of the code.

python -m bypassing.deeds SEED SHARE all|until-wrong [CLASS]...     # a line of JSON for each
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys

from bypassing.deeds import Done
from bypassing.deeds.all import every
from bypassing.deeds.sampling import sampled


def main(seed: str, share: str, how_many: str, *wanted: str) -> None:
    """Do them, all or until one goes wrong, and tell of each."""
    for theme in every():
        if wanted and theme.id not in wanted:
            continue
        rng = random.Random(f"{seed}/{theme.name}")
        with theme.scene() as scene:
            for deed in sampled(theme, theme.deeds(scene), float(share), rng):
                try:
                    wrong = deed.do(scene)
                except Exception as error:  # noqa: BLE001 - a trial that cannot be made shows nothing
                    wrong = f"could not be tried: {type(error).__name__}: {error}"
                done = Done(theme.name, deed.says, deed.harmless, wrong)
                print(json.dumps(dataclasses.asdict(done)), flush=True)
                if wrong and how_many == "until-wrong":
                    return


if __name__ == "__main__":
    main(*sys.argv[1:])
