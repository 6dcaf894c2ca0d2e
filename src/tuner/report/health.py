"""How well the search went: a section of report.md."""

from __future__ import annotations

from typing import Any


def health_section(facts: dict[str, Any]) -> str:
    """Return the section: a line a check, those first that want something done."""
    checks = sorted(facts["health"], key=lambda one: bool(one["good"]))
    if not checks:
        return ""
    lines = []
    for one in checks:
        found = one["found"][:1].upper() + one["found"][1:]
        lines.append(f"- {found}." if one["good"] else f"- **{found}**: {one['advice']}.")
    return "## Was it a good search?\n\n" + "\n".join(lines)
