"""One exchange's risk parameters, made up, written as SPAN files in both formats from the layout pages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# One long contract, losses positive: futures of ES (multiplier 50) and NQ (20), a call and a put on ES December.
THIRDS = [0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3]
ES_Z = [-3600.0 * each for each in THIRDS] + [-7560.0, 7560.0]  # scan range 10,800; 2 ranges at 35 %
ES_H = [-3500.0 * each for each in THIRDS] + [-7350.0, 7350.0]  # 10,500
NQ_Z = [-5000.0 * each for each in THIRDS] + [-10500.0, 10500.0]  # 15,000
CALL = [-460.0, 610.0, -2640.0, -1730.0, 1270.0, 2340.0, -5210.0, -4540.0, 2540.0, 3430.0, -8060.0, -7640.0]
CALL += [3380.0, 3990.0, -3130.0, 1500.0]
PUT = [-300.0, 400.0, 900.0, 1500.0, -1600.0, -900.0, 1800.0, 2100.0, -3300.0, -2800.0, 2300.0, 2400.0]
PUT += [-5200.0, -4900.0, 900.0, -2600.0]


def xml_text(**changed: str) -> str:
    """The XML file; ``changed``: text to put in place of a named piece."""

    def array(losses: list[float], delta: float) -> str:
        values = "".join(f"<a>{loss:.2f}</a>" for loss in losses)
        return f"<ra><r>1</r>{values}<d>{delta:.4f}</d></ra>"

    def future(contract: int, period: str, losses: list[float]) -> str:
        return f"<fut><cId>{contract}</cId><pe>{period}</pe><p>6000</p>{array(losses, 1.0)}</fut>"

    def option(right: str, losses: list[float], delta: float) -> str:
        return f"<opt><cId>9</cId><o>{right}</o><k>6000.00</k><d>{delta}</d>{array(losses, delta)}</opt>"

    def leg(name: str, where: str, side: str, ratio: float = 1.0) -> str:
        kind, tag = ("tLeg", "tn") if len(where) < 3 else ("pLeg", "pe")
        return f"<{kind}><cc>{name}</cc><{tag}>{where}</{tag}><rs>{side}</rs><i>{ratio}</i></{kind}>"

    def spread(number: int, rate: float, legs: str, method: str = "") -> str:
        charge = f"<chargeMeth>{method}</chargeMeth>" if method else ""
        return f"<dSpread><spread>{number}</spread>{charge}<rate><r>1</r><val>{rate}</val></rate>{legs}</dSpread>"

    def adjust(rate: int, base: int, value: float) -> str:
        return f"<adjRate><r>{rate}</r><baseR>{base}</baseR><val>{value}</val></adjRate>"

    accounts = [(1, "S", 1), (2, "S", 0), (3, "H", 1), (4, "H", 0), (5, "M", 1), (6, "M", 0)]
    pieces: dict[str, str] = {
        "rates": "".join(
            f"<pbRateDef><r>{rate}</r><isCust>1</isCust><acctType>{kind}</acctType><isM>{maintenance}</isM>"
            "<pbc>CORE</pbc></pbRateDef>"
            for rate, kind, maintenance in accounts
        ),
        "points": (
            "<pointDef><r>1</r><scanPointDef><point>15</point><priceScanDef><numerator>2</numerator>"
            "<denominator>1</denominator></priceScanDef><weight>0.35</weight></scanPointDef></pointDef>"
        ),
        "adjustments": "".join(
            adjust(*each)
            for each in ((1, 1, 1.0), (2, 1, 1.1), (3, 3, 1.0), (4, 3, 1.0), (5, 5, 0.9), (6, 5, 1.0))
        ),
        "minimum": "<somTiers><tier><tn>0</tn><rate><r>1</r><val>50.0</val></rate></tier></somTiers>",
        "spot": "<spotRate><r>1</r><pe>202612</pe><sprd>100.0</sprd><outr>400.0</outr></spotRate>",
        "months": (
            spread(2, 540.0, leg("ES", "1", "A") + leg("ES", "2", "B"), "F")
            + spread(1, 200.0, leg("ES", "202612", "A") + leg("ES", "202706", "B", 2.0), "F")
        ),
        "inter": spread(1, 0.5, leg("ES", "0", "A", 2.0) + leg("NQ", "0", "B")),
        "super": spread(1, 0.6, leg("ES", "0", "A") + leg("NQ", "0", "B")),
        "currency": "USD",
    }
    pieces |= changed
    tiers = (
        "<intraTiers><tier><tn>1</tn><sPe>202612</sPe><ePe>202612</ePe></tier>"
        "<tier><tn>2</tn><sPe>202703</sPe><ePe>202709</ePe></tier></intraTiers>"
    )
    links = {
        name: "".join(
            f"<pfLink><exch>CME</exch><pfId>{number}</pfId><pfCode>{name}</pfCode><pfType>{kind}</pfType></pfLink>"
            for number, kind in families
        )
        for name, families in {"ES": ((1, "FUT"), (2, "OOF")), "NQ": ((3, "FUT"),)}.items()
    }
    return (
        "<?xml version='1.0'?><spanFile><fileFormat>4.00</fileFormat><pointInTime><date>20261120</date>"
        f"<isSetl>1</isSetl><clearingOrg><ec>CME</ec>{pieces['rates']}{pieces['points']}"
        "<exchange><exch>CME</exch>"
        "<futPf><pfId>1</pfId><pfCode>ES</pfCode><currency>USD</currency><cvf>50</cvf>"
        f"{future(1, '202612', ES_Z)}{future(2, '202703', ES_H)}</futPf>"
        f"<futPf><pfId>3</pfId><pfCode>NQ</pfCode><currency>{pieces['currency']}</currency><cvf>20</cvf>"
        f"{future(1, '202612', NQ_Z)}</futPf>"
        "<oofPf><pfId>2</pfId><pfCode>ES</pfCode><currency>USD</currency><cvf>50</cvf><series><pe>202612</pe>"
        "<v>0.16</v><setlDate>20261218</setlDate><undC><exch>CME</exch><pfId>1</pfId><cId>1</cId></undC>"
        "<scanRate><r>1</r><priceScan>216</priceScan><volScan>0.04</volScan></scanRate>"
        f"{option('C', CALL, 0.55)}{option('P', PUT, -0.45)}</series></oofPf></exchange>"
        f"<ccDef><cc>ES</cc><currency>USD</currency><riskExponent>0</riskExponent><somMeth>MAX</somMeth>{links['ES']}"
        f"{pieces['adjustments']}{tiers}{pieces['minimum']}{pieces['months']}{pieces['spot']}</ccDef>"
        f"<ccDef><cc>NQ</cc><currency>USD</currency><somMeth>GROSS</somMeth>{links['NQ']}</ccDef>"
        f"<interSpreads>{pieces['inter']}</interSpreads><superSpreads>{pieces['super']}</superSpreads>"
        "</clearingOrg></pointInTime></spanFile>"
    )


def record(kind: str, fields: Mapping[int, str]) -> str:
    """A line with texts at their first bytes, counted from 1."""
    line = [" "] * 200
    for first, text in ({1: kind} | dict(fields)).items():
        line[first - 1 : first - 1 + len(text)] = text
    return "".join(line).rstrip()


def pa2_text(**changed: str) -> str:
    """The same facts as an expanded text file; ``changed``: lines to put in place of a named piece."""

    def arrays(code: str, kind: str, right: str, month: str, losses: list[float], delta: float) -> list[str]:
        option = {39: month, 48: "0600000"} if right else {}
        head = {3: "CME", 6: code, 16: code, 26: kind, 29: right, 30: month, **option}

        def values(part: list[float]) -> str:
            return "".join(f"{abs(round(loss)):05d}{'-' if loss < 0 else '+'}" for loss in part)

        tail = f"{abs(round(delta * 10_000)):05d}{'-' if delta < 0 else '+'}"
        return [
            record("81", head | {55: values(losses[:9])}),
            record("82", head | {55: values(losses[9:]) + tail}),
        ]

    def inter(priority: int, rate: str, first: str, group: str = " ") -> str:
        legs = {17: "CME", 21: "ES", 27: first, 34: "A", 35: "CME", 39: "NQ", 45: "0010000", 52: "B"}
        return record("6 ", {3: "EQX", 6: f"{priority:04d}", 10: rate, **legs, 89: "10", 110: group})

    pieces: dict[str, list[str]] = {
        "header": [record("0 ", {3: "CME", 9: "20261120", 17: "S", 18: "F", 36: "U2"})],
        "prices": [
            record("P ", {3: "CME", 6: "ES", 16: "FUT", 34: "002", 37: "000", 42: "00000500000000"}),
            record("P ", {3: "CME", 6: "ES", 16: "OOF", 34: "002", 37: "002", 42: "00000500000000"}),
            record("P ", {3: "CME", 6: "NQ", 16: "FUT", 34: "002", 37: "000", 42: "00000200000000"}),
        ],
        "commodities": [
            record("2 ", {3: "CME", 7: "ES", 13: "0", 14: "USD", 23: "ES", 33: "FUT", 39: "ES", 49: "OOF"}),
            record("2 ", {3: "CME", 7: "NQ", 13: "0", 14: "USD", 23: "NQ", 33: "FUT"}),
        ],
        "tiers": [
            record(
                "3 ",
                {3: "ES", 9: "10", 11: "01202612202612", 25: "02202703202709", 69: "100010001100"},
            )
        ],
        "delivery": [
            record(
                "4 ",
                {3: "ES", 9: "10", 11: "0101202612", 21: "00001000000400", 63: "0000050", 70: "090100100", 79: "1"},
            )
        ],
        "months": [
            record("C ", {3: "ES", 9: "10", 11: "02", 13: "02", 15: "0000540", 22: "010101A", 29: "020201B"}),
            record(
                "E ",
                {3: "ES", 9: "00001", 14: "0000200", 21: "2612", 28: "010000A", 35: "2706", 42: "020000B"},
            ),
        ],
        "scans": [
            record(
                "B ",
                {
                    3: "CME", 6: "ES", 16: "OOF", 19: "202612", 28: "202612", 37: "00160000", 45: "00040000",
                    58: "02000", 63: "03500", 92: "20261218",
                },
            )
        ],
        "arrays": [
            *arrays("ES", "FUT", "", "202612", ES_Z, 1.0),
            *arrays("ES", "FUT", "", "202703", ES_H, 1.0),
            *arrays("ES", "OOF", "C", "202612", CALL, 0.55),
            *arrays("ES", "OOF", "P", "202612", PUT, -0.45),
            *arrays("NQ", "FUT", "", "202612", NQ_Z, 1.0),
        ],
        "inter": [inter(1, "0500000", "0020000"), inter(1, "0600000", "0010000", "S")],
    }  # fmt: skip
    lines = [line for name, part in pieces.items() for line in ([changed[name]] if name in changed else part)]
    return "\n".join(lines) + "\n"


def write(folder: Path, text: str, name: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file
