"""The streaming page's transforms as methods of a model, as libraries for state machines call them."""

from __future__ import annotations

from typing import Any


class Record:
    """What a record is on its way: `data` is replaced by each transform, as the page's lambdas do."""

    data: dict[str, Any]

    def check(self) -> None:
        """`validate`."""
        value: Any = self.data.get("value")
        self.data = {**self.data, "valid": value is not None and value >= 0}

    def is_valid(self) -> bool:
        """The condition after it."""
        return bool(self.data.get("valid", True))

    def enrich_data(self) -> None:
        """`enrich`."""
        data = self.data
        self.data = {"id": data["id"], "original_value": data["value"], "doubled_value": data["value"] * 2,
                     "squared_value": data["value"] ** 2, "category": data["category"], "status": "enriched"}

    def rate(self) -> None:
        """`categorize`."""
        data = self.data
        tier = "high" if data["original_value"] > 5000 else "medium" if data["original_value"] > 1000 else "low"
        self.data = {**data, "value_tier": tier, "status": "processed", "risk_score": min(100, data["squared_value"] / 100)}
