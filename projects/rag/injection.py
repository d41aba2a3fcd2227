"""Instructions hidden in documents: passages are data, and a line that speaks to an assistant is none of the shop's.

Detection is by how such lines speak. It cannot be complete, which is why answers are checked afterwards too.
"""

from __future__ import annotations

import re

_PATTERNS = (
    # English: ignore the rules; a note to the machine; tell the customer what it dictates
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,60}\b(?:rules?|instructions?|prompts?|documents?|guidelines?|above|previous)\b",
    r"\b(?:note|message|instructions?|attention|memo)\b.{0,20}\b(?:to|for)\b.{0,20}\b(?:ai|a\.i\.|assistants?|chat ?bots?|bots?|language models?|llms?|agents?)\b",
    r"\b(?:ai|assistant|chatbot|language model|llm)\b.{0,40}\b(?:must|should|shall|has to|is to|reading this)\b",
    r"\bsystem\s*(?:note|prompt|message|override|instruction)\b",
    r"\byou are (?:now|no longer)\b|\bact as\b|\bpretend (?:to be|that)\b|\bnew instructions?\b",
    r"\b(?:answer|reply|respond)\b.{0,30}\b(?:every|all|any)\b.{0,15}\bquestions?\b|\b(?:do not|don't|never)\b.{0,10}\bcite\b|\bcite nothing\b",
    r"<\|?(?:im_start|im_end|system|assistant|endoftext)\|?>|\[/?INST\]|^\s*(?:system|assistant)\s*:",
    # Chinese
    r"(?:忽略|无视|忘记|忘掉|绕过|跳过).{0,20}(?:规则|指令|提示|要求|设定|限制|文件|以上|之前)",
    r"(?:系统|管理员)(?:提示|指令|消息|通知|命令)\s*[:：]",
    r"(?:致|给|请|告知|通知).{0,8}(?:客服系统|智能客服|自动客服|机器人|人工智能|助手|大模型|AI)",
    r"(?:不要|不得|无需|别)引用|(?:只|一律|统一)(?:能|要|需)?(?:回答|回复|答复)|你现在是|从现在起你|扮演",
)
_INSTRUCTION = re.compile("|".join(_PATTERNS), re.IGNORECASE)


def is_instruction(text: str) -> bool:
    """Say whether a sentence or cell speaks to an assistant instead of to a customer."""
    return bool(_INSTRUCTION.search(text))


def without_instructions(pieces: list[str], *, running: bool) -> list[str]:
    """Leave out the pieces that instruct; in `running` text also all that follows, since what is dictated comes next."""
    kept = []
    for piece in pieces:
        if is_instruction(piece):
            if running:
                break
            continue
        kept.append(piece)
    return kept
