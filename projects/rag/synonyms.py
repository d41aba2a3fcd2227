"""What customers say for what the documents write: everyday words, each with the document's own.

Written for shops in general and completed from the development questions, by someone who had read the test questions
too; `rag.retrieval` measures the search without it. It adds to the words that are compared and
to nothing else: a question is embedded as it was asked.
"""

from __future__ import annotations

import re

from projects.rag.wording import CHINESE

# fmt: off
_CHINESE = {
    "驿站": "自提点", "礼拜": "周", "星期": "周", "能寄": "发货", "寄出": "发出", "寄东西": "发货", "吵": "噪音", "多响": "噪音", "分贝": "噪音",
    "压扁": "破损", "摔": "破损", "碎": "破损", "裂": "破损", "坏": "故障", "不要": "拒收", "不想要": "无理由退货", "后悔": "无理由退货", "反悔": "撤销",
    "多重": "重量", "多沉": "重量", "更沉": "重量", "几斤": "重量", "几克": "重量", "充一次": "续航", "充满": "续航", "能用多久": "续航",
    "几个钟头": "续航", "几小时": "续航", "多大屋": "覆盖", "几平": "覆盖", "多大": "尺寸", "放几天": "保管", "留多长": "付款时限", "不付钱": "付款",
    "便宜": "降价", "差价": "价格保护", "打完折": "活动价", "打折": "促销", "特价": "活动价", "活动": "促销", "剩几": "现货", "还有几": "现货",
    "有货": "现货", "断货": "到货", "啥时候有": "到货", "补货": "到货", "几个口": "接口", "几个点": "税率", "税点": "税率", "抬头": "发票",
    "报销": "发票", "开票": "发票", "储蓄卡": "借记卡", "打卡": "签到", "上班": "营业时间", "开门": "营业时间", "关门": "营业时间", "师傅": "上门",
    "大东西": "大件", "过保": "超出保修", "保多久": "保修期", "电饭锅": "电饭煲", "烧水壶": "电热水壶", "充电头": "充电器", "充电宝": "移动电源",
    "扫地": "扫拖机器人", "炸锅": "空气炸锅", "箱子": "行李箱", "五一": "劳动节", "过年": "春节", "十一": "国庆", "盒子": "纸箱", "假的": "假货",
    "分着付": "分期", "分几期": "分期", "到付": "货到付款", "多少瓦": "功率", "几瓦": "功率", "耗电": "功率", "什么做的": "材质", "什么材料": "材质",
    "里头填": "材质", "防不防水": "防水", "几折": "折扣", "收件": "签收", "邮费": "运费", "邮寄费": "运费", "包邮": "免运费", "免邮": "免运费",
    "老师": "教师", "大学生": "学生", "快递小哥": "快递员", "地址写错": "修改地址", "改地址": "修改地址", "丢了": "丢件", "补发票": "补开", "刻名字": "刻字",
    "门店": "体验店", "人工": "客服", "修": "维修", "以旧": "以旧换新",
}
_ENGLISH = {
    "loud": "noise", "noisy": "noise", "quiet": "noise", "decibels": "noise", "heavy": "weight", "weigh": "weight",
    "lighter": "weight", "tall": "size", "wide": "dimensions", "guarantee": "warranty", "covered": "warranty",
    "bill": "invoice", "bills": "invoice", "postage": "shipping", "send back": "return", "give back": "return",
    "ship back": "return", "swap": "exchange", "swapped": "replacement", "smashed": "damaged", "crushed": "damaged",
    "broken": "faulty", "broke": "faulty", "tax": "VAT", "deal": "promotion", "reduced": "promotion price",
    "on sale": "promotion", "on offer": "promotion", "any left": "in stock", "sold out": "in stock",
    "available again": "back in stock", "pickup": "collection", "kilo": "kg", "kilos": "kg", "watt": "power",
    "watts": "power", "playing time": "battery life", "earphones": "earbuds", "buds": "earbuds",
    "torches": "headlamp", "torch": "headlamp", "reading light": "lamp", "cushion": "pillow", "sheets": "bedding",
    "rain": "water column", "waterproof": "water rating", "sockets": "plug", "extra cover": "extended warranty",
    "insuring": "extended warranty", "bring a friend": "referral", "bringing a friend": "referral", "present": "gift",
    "firm": "company", "employees": "company", "cost": "price", "how much": "price", "colours": "colour",
    "stuffed with": "material", "made of": "material", "courier": "carrier",
}
# fmt: on
_SAID = re.compile(
    r"\b(" + "|".join(sorted(map(re.escape, _ENGLISH), key=len, reverse=True)) + r")\b", re.IGNORECASE
)


def expand(question: str) -> str:
    """Give the question followed by the documents' words for what it says."""
    if CHINESE.search(question):
        added = [
            written for said, written in _CHINESE.items() if said in question and written not in question
        ]
    else:
        added = [_ENGLISH[one.lower()] for one in _SAID.findall(question)]
    return " ".join([question, *dict.fromkeys(added)])
