"""A machine of ten states with catches, a fan-out and a pushed network, beside the same logic as one would write it by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

MACHINE: dict[str, Any] = {
    "name": "Baskets", "main_network": "main", "params": {"most": 500},
    "define": {"vat": {"DE": 0.19, "FR": 0.2, "IT": 0.22}},
    "networks": [
        {"name": "main",
         "states": [
             {"name": "basket", "is_start": True,
              "require": [{"condition": "data.lines", "message": "no lines"}], "on_error": "rejected"},
             {"name": "country", "let": {"code": "=data.country.upper()"}, "require": [{"condition": "code in vat"}],
              "set": {"country": "=code", "rate": "=vat[code]"}, "catch": [{"errors": ["KeyError"], "to": "abroad"}, {"to": "rejected"}]},
             {"name": "abroad", "set": {"country": "XX", "rate": 0.0}},
             {"name": "lines", "fan_out": [{"=for": "l in data.lines", "id": "=data.id", "country": "=data.country", "rate": "=data.rate",
                                            "sku": "=l.sku", "net": "=l.qty * l.price"}], "on_error": "rejected"},
             {"name": "taxed", "set": {"gross": "=round(data.net * (1 + data.rate), 2)"}},
             {"name": "output", "is_end": True, "key": "=data.sku"},
             {"name": "large", "is_end": True, "route": "large"},
             {"name": "rejected", "is_end": True, "outcome": "error"}],
         "arcs": [
             {"from": "basket", "to": "country"}, {"from": "country", "to": "lines"}, {"from": "abroad", "to": "lines"},
             {"from": "lines", "push": "tiers", "to": "taxed"},
             {"from": "taxed", "to": "large", "condition": "data.gross > params.most"}, {"from": "taxed", "to": "output", "else": True}]},
        {"name": "tiers",
         "states": [{"name": "tier", "is_start": True}, {"name": "high", "is_end": True, "set": {"tier": "high"}},
                    {"name": "low", "is_end": True, "set": {"tier": "low"}}],
         "arcs": [{"from": "tier", "to": "high", "condition": "data.net > 100"}, {"from": "tier", "to": "low", "else": True}]},
    ],
}
_VAT = {"DE": 0.19, "FR": 0.2, "IT": 0.22}
_MOST = 500


def baskets(records: int) -> Iterator[bytes]:
    """Baskets of two or three lines; 1 % without a country, 1 % without lines."""
    for n in range(records):
        country = {} if n % 100 == 7 else {"country": ("de", "fr", "it")[n % 3]}
        lines = [] if n % 100 == 9 else [{"sku": f"s{n % 50 + k}", "qty": n % 7 + 1, "price": 9.99 + (n * 13 + k * 57) % 90} for k in range(2 + n % 2)]
        yield orjson.dumps({"id": n, **country, "lines": lines})


def by_hand(values: list[bytes]) -> tuple[list[tuple[Any, ...]], list[tuple[int, str]]]:
    """The rows of the machine, and where it rejects, in one loop."""
    rows: list[tuple[Any, ...]] = []
    rejected = []
    for at, value in enumerate(values):
        data = orjson.loads(value)
        if not data.get("lines"):
            rejected.append((at, "no lines"))
            continue
        country = data.get("country")
        if country is None:
            country, rate = "XX", 0.0
        else:
            country = country.upper()
            if country not in _VAT:
                rejected.append((at, "code in vat"))
                continue
            rate = _VAT[country]
        for line in data["lines"]:
            net = line["qty"] * line["price"]
            gross = round(net * (1 + rate), 2)
            made = {"id": data["id"], "country": country, "rate": rate, "sku": line["sku"], "net": net,
                    "tier": "high" if net > 100 else "low", "gross": gross}
            if gross > _MOST:
                rows.append((at, "large", orjson.dumps(made), None))
            else:
                rows.append((at, None, orjson.dumps(made), line["sku"].encode()))
    return rows, rejected
