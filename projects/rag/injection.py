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
_DICTATED = (  # how a document dictates what shall be said; a customer may well ask to `include a message`
    r"\b(?:end|begin|start|finish|open|close|sign)\w*\b.{0,25}\b(?:message|repl(?:y|ies)|answer|response|conversation|chat)s?\b",
    r"\b(?:message|repl(?:y|ies)|answer|response)s?\b.{0,25}\b(?:end|begin|start|finish|open|close)s?\b.{0,10}\bwith\b",
    r"\b(?:repeat|say|print|output|write|append|include|insert|echo|add|put|mention|quote)\b.{0,40}"
    r"\b(?:summary|repl(?:y|ies)|response|answer|after me|first|verbatim|word for word|in full|and stop)\b",
    r"\bdear (?:model|ai|assistant|bot|machine|system)\b|<!--",
    r"\b(?:developer|admin\w*|root|operator|to the machine)\s*:|\[+\s*(?:system|admin|developer)\b",
    r"\bwhen(?:ever)? (?:you )?(?:summari[sz]|answer|repl[yi]|respond|translat|quot)\w*\b",
    r"\bthe (?:correct|right|only|true|expected) (?:answer|reply|response)\b|\bthe (?:answer|reply|response) (?:is|must|should|shall)\b",
    r"\b(?:customers?|users?|readers?|shoppers?|visitors?|everyone)\b.{0,15}\bmust\b.{0,20}\b(?:told|informed|shown|hear)\b",
    r"\btell (?:the |each |every |all )*(?:customers?|users?|shoppers?|visitors?)\b|\b(?:do not|don't|never) mention\b",
    r"(?:每|所有|任何)(?:一)?(?:条|次|个|份)?(?:回复|回答|答复|消息|对话).{0,12}(?:写|加|附|带|说|用|以)",
    r"(?:总结|概括|翻译|引用|回答|回复)(?:本页|本文|此|这).{0,6}时|(?:总结|概括|翻译).{0,12}(?:包含|加上|写上|带上)",
    r"亲爱的.{0,4}(?:模型|助手|机器)|[【\[](?:系统|管理员|开发者)|(?:开发者|管理员|系统)\s*[:：]",
    r"(?:正确|标准|唯一)(?:的)?(?:答案|回答|答复)|(?:答案|回答|答复)(?:就)?(?:是|为|应)",
    r"(?:必须|务必|一定要|请)(?:先|直接)?(?:告诉|告知|通知|转告).{0,6}(?:顾客|客户|用户|买家|访客)",
    r"(?:跟我|照着|原样|逐字)(?:重复|念|说|写|输出|复述)|请(?:先)?(?:输出|打印|复述|重复|写(?:出|上|下)?)",
)
_INSTRUCTION = re.compile("|".join(_PATTERNS), re.IGNORECASE)
_DICTATION = re.compile("|".join((*_PATTERNS, *_DICTATED)), re.IGNORECASE)


def is_instruction(text: str) -> bool:
    """Say whether a question or an answer speaks to an assistant."""
    return bool(_INSTRUCTION.search(text))


def is_dictated(text: str) -> bool:
    """Say whether a sentence or cell of a document speaks to an assistant, or dictates answers, instead of telling."""
    return bool(_DICTATION.search(text))


def without_instructions(pieces: list[str], *, running: bool) -> list[str]:
    """Leave out the pieces that instruct; in `running` text also all that follows, since what is dictated comes next."""
    kept = []
    for piece in pieces:
        if is_dictated(piece):
            if running:
                break
            continue
        kept.append(piece)
    return kept
