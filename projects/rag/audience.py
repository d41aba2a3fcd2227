"""For whom a rule holds: a rule made for some customers answers no question that mentions none of them.

The groups are those that shops make rules for; the words are the documents' and the customers'.
"""

from __future__ import annotations

import re

_GROUPS = {
    "companies": r"\bcompan(?:y|ies)\b|\bbusiness(?:es)?\b|\bcorporate\b|\bfirms?\b|\bgmbh\b|\bemployees\b|\bVAT number\b|企业|公司|单位|对公|员工",
    "commercial": r"\bcommercial\b|\bcaf[ée]s?\b|\bhotels?\b|\brental\b|商用|经营|租赁|民宿|酒店",
    "gold": r"\bgold\b|金卡",
    "silver": r"\bsilver\b|银卡",
    "black": r"黑卡",
    "students": r"\bstudents?\b|\bteachers?\b|学生|教师|老师",
    "household": r"\bhousehold\b|\bfamily members?\b|家人",
    "abroad": r"\bSwitzerland\b|\bNorway\b|\bUSA\b|\bCanada\b|\bUnited Kingdom\b|港澳台|海外|境外",
}
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _GROUPS.items()}


def groups_in(text: str) -> set[str]:
    """The groups of customers that a text names."""
    return {name for name, pattern in _PATTERNS.items() if pattern.search(text)}


def is_for_others(rule: str, question: str) -> bool:
    """Whether a rule is made for a group, and for none that the question mentions."""
    meant = groups_in(rule)
    return bool(meant) and not meant & groups_in(question)
