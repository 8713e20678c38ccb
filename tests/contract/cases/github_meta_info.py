"""github_meta_info: the ranges that the stand-in names, with one that was known before.

In: nothing. Out: CASE. Never here: an assertion.
"""

from __future__ import annotations

from tests.contract.case import Bad, Case

CASE = Case(
    module="github_meta_info",
    key="meta",
    good=lambda world: {"previous": ["192.30.252.0/22"], "github_token": ""},
    bad=(
        Bad("a number that is none", lambda world: {"minimum": "some"}, ("minimum",)),
        Bad("a word for a switch", lambda world: {"allow_removed": "perhaps"}, ("allow_removed",)),
        Bad("an option that is not there", lambda world: {"owner": "x"}, ("owner",)),
        Bad("a minimum of none", lambda world: {"minimum": 0}, ("minimum", "below 1")),
        Bad("a range that is none", lambda world: {"previous": ["somewhere"]}, ("somewhere", "no address range")),
        Bad(
            "a range that is gone",
            lambda world: {"previous": ["198.51.100.0/24"]},
            ("198.51.100.0/24", "ranges are gone"),
            looks=True,
        ),
        Bad("more than there are", lambda world: {"minimum": 50}, ("50 are wanted",), looks=True),
    ),
    found=lambda world: ("192.30.252.0/22", "2a0a:a440::/29", "185.199.108.0/22"),
)
