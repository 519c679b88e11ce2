"""Files of sensitivities and of schedule trades under damage: refused by line or as a whole, never a traceback.

`MARGINMON_FUZZ_EXAMPLES` as in `test_decoders.py`.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.cli import main

EXAMPLES = int(os.environ.get("MARGINMON_FUZZ_EXAMPLES", "200"))
HEAD = "TradeID,PortfolioID,ProductClass,RiskType,Qualifier,Bucket,Label1,Label2,Amount,AmountCurrency,EndDate,IMModel"
LINES = (
    "s1,P,RatesFX,Risk_IRCurve,USD,1,5y,OIS,100000,USD,,SIMM",
    "s2,P,Equity,Risk_Equity,ISIN,8,,,200000,USD,,",
    "s3,P,RatesFX,Risk_IRVol,USD,,1y,,600000,USD,,SIMM",
    "s4,P,,Param_ProductClassMultiplier,Equity,,,,1.2,,,",
    "t1,P,Rates,Notional,,,,,1000000,USD,2031-11-27,Schedule",
    "t1,P,Rates,PV,,,,,2000,USD,2031-11-27,Schedule",
)
odd = st.sampled_from(
    [
        "",
        "nan",
        "-inf",
        "1e400",
        "0",
        "-1",
        "P",
        "9999-12-31",
        "0001-01-01",
        "USD",
        "\x00",
        "\ufeff",
        '"',
        ";",
    ]
)
fields = odd | st.text(max_size=12)


@st.composite
def tables(draw: st.DrawFn) -> str:
    """Good lines with some fields replaced, lines repeated, cut off or made up."""
    lines = []
    for line in draw(st.lists(st.sampled_from(LINES), max_size=8)):
        values = line.split(",")
        for place, value in draw(
            st.dictionaries(st.integers(0, len(values) - 1), fields, max_size=3)
        ).items():
            values[place] = value
        lines.append(
            ",".join(values[: draw(st.integers(0, len(values) + 1))])
            if draw(st.booleans())
            else ",".join(values)
        )
    head = HEAD if draw(st.integers(0, 9)) else draw(st.text(max_size=40))
    return "\n".join([head, *lines, *draw(st.lists(st.text(max_size=30), max_size=2))])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """The same as JSON, with values of any kind."""
    names = HEAD.split(",")
    values = (
        fields
        | st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.lists(st.text(max_size=3), max_size=2)
    )
    rows = draw(st.lists(st.dictionaries(st.sampled_from(names), values, max_size=12) | values, max_size=4))
    return json.dumps(rows if draw(st.booleans()) else {"crif": rows})


contents = st.one_of(
    tables().map(lambda text: text.encode("utf-8", "surrogatepass")),
    documents().map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=200),
)


@settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=20),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(contents, st.sampled_from(["isda-simm", "schedule-im"]))
def test_a_damaged_file_is_refused_or_margined(content: bytes, rulebook_id: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "crif"
        file.write_bytes(content)
        arguments = [
            "margin",
            "--crif",
            str(file),
            "--rulebook",
            rulebook_id,
            "--as-of",
            "2026-11-27",
            "--json",
        ]
        result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in {0, 1, 2}
    if result.exit_code == 0:
        assert all(document["complete"] for document in json.loads(result.stdout))
