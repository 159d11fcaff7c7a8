"""The caller's name, when the caller says it: 我叫马建国, 我姓马叫建国, or the answer to 您贵姓.

A name begins with a known surname and ends where ordinary speech goes on. Nobody else's name is taken: 我老公叫…
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ivr.domain.evidence import Evidence, Field, Heard, Reason, Thresholds, evidence_of

SURNAMES: Final = frozenset(
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛奚范彭郎鲁韦昌马苗凤方俞任袁柳酆鲍史唐费廉岑薛雷贺倪汤"
    "滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜"
    "郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫经房裘缪干解应宗丁宣邓郁单杭洪包诸左石崔吉龚程嵇邢裴陆荣翁荀羊甄曲封芮储靳段富巫乌焦巴弓牧车侯"
    "宓全班仰秋仲伊宫宁仇栾甘厉戎祖武符刘景詹束龙叶幸司韶黎薄印宿白怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴胥能苍双闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍桑桂濮牛"
    "寿通边扈燕冀浦尚农温别庄晏柴瞿阎充慕连茹习宦艾鱼容向古易慎戈廖庾终暨居衡步都耿满弘匡国文寇广禄阙东欧利师巩聂关荆游权盖益桓公仝佟付肖闫代覃辛"
    "曾涂兰游敖楚黑冶哈撒纳拜虎妥沙海洒者丑锁剡麦买朵达苟岳晁税铁摆喜"
)
# fmt: off
COMPOUND_SURNAMES: Final = (
    "欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容",
    "令狐", "司徒", "夏侯", "长孙", "宇文", "端木", "独孤", "南宫", "闻人",
    "呼延", "轩辕", "赫连", "澹台", "鲜于", "申屠", "拓跋",
)
# fmt: on

# Everyday words that begin with the character of a surname.
# fmt: off
_NOT_NAMES: Final = (
    "谢谢", "方便", "应该", "高兴", "安全", "安排", "平时", "时候", "时间", "明天", "明白", "从来", "从前",
    "都是", "于是", "解决", "解释", "能不", "经常", "经济", "经理", "常常", "何必", "成功", "麻烦", "危险",
    "严重", "申请", "单位", "司机", "司法", "金额", "包工", "房东", "房子", "房产", "毛病", "马上", "计划",
    "连续", "关于", "关系", "利息", "师傅", "国家", "车祸", "车子", "万一", "万块", "路上", "白天", "强制",
    "喜欢", "买了", "买房", "向他", "和他", "水费", "金波", "宁夏", "宁华", "文昌", "文萃", "西夏", "怀远",
    "贺兰", "江苏", "广告", "党员", "曾经", "游戏", "钱不", "钱都", "家里", "别人", "管理", "车牌", "连我",
    "黑社",
)
# fmt: on

_SAYS_NAME: Final = re.compile(
    r"(?<![跟随])(?:我的?(?:名字)?(?:就)?叫做?|我的?(?:名字|姓名)(?:是|叫做?)|本人叫?|姓名是?|名字叫)"
)
_SAYS_SURNAME: Final = re.compile(r"(?<![跟随])(?:我(?:是)?姓|免贵姓|贵姓|本人姓)")
_ASKS_NAME: Final = re.compile(
    r"贵姓|怎么称呼|如何称呼|称呼您|您叫什么|你叫什么|叫什么名|[您你]的?(?:姓名|名字)|姓名是|姓什么"
)
_ANSWER: Final = re.compile(r"(?:嗯|呃|啊|哦|那个|您好|你好|好的|免贵|我|的|名字|就|,|\uff0c|。|\s)*(?P<cue>姓|叫|是)?")
_THEN: Final = re.compile(r"(?:,|。|\s|名|名字|全名)*(?:叫做?|是)")
_LEADING_FILLER: Final = re.compile(r"(?:嗯|呃|啊|哦|就是|那个|,|\uff0c|。|\s)*")
# Where a name ends: ordinary speech that follows it, and titles.
_ENDS_NAME: Final = re.compile(
    r"电话|手机|号码|身份|住|在|今年|去年|昨天|今天|是|的|我|你|您|他|她|想|要|家|来自|啊|呀|呢|吧|吗|了|嗯|呃|哦|因为|从|和|跟|老板|老公|老婆|公司|单位|对|好|就|也|都"
    r"|请|问|打|有|没|不|那|这|先生|女士|小姐|师傅|律师|经理|主任|同志|阿姨|大爷|岁|男|女|去|来|到|说|做|干|被|把|给|欠|现在|一|二|两|三|四|五|六|七|八|九|十|邻居|工地|村|镇"
    r"|房东|租|离婚|结婚|孩子|谢谢|什么|叫|姓|[^\u4e00-\u9fff]"
)


@dataclass(frozen=True, slots=True)
class _Name:
    value: str
    whole: bool  # with a given name, not the surname alone
    rule: str
    evidence: Evidence


def find_caller_name(heard: Sequence[Heard], thresholds: Thresholds) -> Field | Reason:
    """The caller's own name in the caller's own words, or why there is none.

    A full name beats the surname said before it; two different full names, or an unsure word, leave the field blank.
    """
    names: list[_Name] = []
    asked = False
    for h in heard:
        if h.speaker == "operator":
            asked = bool(_ASKS_NAME.search(h.text)) or (asked and len(h.text) <= 2)
            continue
        said = _said(h)
        if not said and asked:
            said = _answered(h)
        asked = asked and not said and len(h.text) <= 2
        names += said
    whole = [name for name in names if name.whole]
    chosen = whole or names
    if not chosen:
        return Reason("caller_name", "not_said", "来电人没有说姓名")
    if len({name.value for name in chosen}) > 1:
        said_names = "、".join(dict.fromkeys(name.value for name in chosen))
        return Reason("caller_name", "conflict", f"听到不同的姓名：{said_names}", chosen[-1].evidence)
    best = max(chosen, key=lambda n: n.evidence.confidence)
    if not best.evidence.confidence >= thresholds.word:
        return Reason("caller_name", "unclear", "姓名没有听清", best.evidence)
    display = best.value if best.whole else f"{best.value}（只说了姓）"
    return Field("caller_name", best.value, display, best.rule, best.evidence, best.evidence.confidence)


def _said(h: Heard) -> list[_Name]:
    names = []
    for match in _SAYS_NAME.finditer(h.text):
        start = _skip(h.text, match.end())
        end = _full_name_end(h, start)
        if end:
            names.append(_name(h, start, end, "caller_name.i_am_called"))
    for match in _SAYS_SURNAME.finditer(h.text):
        names += _from_surname(h, _skip(h.text, match.end()), "caller_name.my_surname")
    return names


def _answered(h: Heard) -> list[_Name]:
    """A name given as the answer to 您贵姓; a bare name only when nothing but speech that ends it follows."""
    match = _ANSWER.match(h.text)
    start = _skip(h.text, match.end()) if match else 0
    if match and match["cue"] == "姓":
        return _from_surname(h, start, "caller_name.answer")
    end = _full_name_end(h, start)
    if end and (end == len(h.text) or _ENDS_NAME.match(h.text, end)):
        return [_name(h, start, end, "caller_name.answer")]
    surname = _surname_end(h.text, start)
    if surname and surname == len(h.text):
        return [_name(h, start, surname, "caller_name.answer", whole=False)]
    return []


def _from_surname(h: Heard, start: int, rule: str) -> list[_Name]:
    """姓马, 姓马叫建国, 姓马叫马建国, 姓马马建国: the surname, and the given name when it follows.

    姓郑叫蔡丽娟 gives both, which contradict each other.
    """
    surname_end = _surname_end(h.text, start)
    if not surname_end:
        return []
    surname = h.text[start:surname_end]
    then = _THEN.match(h.text, surname_end)
    follows = _skip(h.text, then.end() if then else surname_end)
    full_end = _full_name_end(h, follows)
    if full_end and h.text.startswith(surname, follows):
        return [_name(h, follows, full_end, rule)]
    if then and full_end - follows > 2:  # too long for a given name: another surname
        return [_name(h, start, surname_end, rule), _name(h, follows, full_end, rule)]
    given_end = _given_end(h, follows) if then else 0
    if given_end:
        return [_Name(surname + h.text[follows:given_end], True, rule, evidence_of(h, start, given_end))]
    return [_name(h, start, surname_end, rule, whole=False)]


def _name(h: Heard, start: int, end: int, rule: str, whole: bool = True) -> _Name:
    return _Name(h.text[start:end], whole, rule, evidence_of(h, start, end))


def _skip(text: str, at: int) -> int:
    match = _LEADING_FILLER.match(text, at)
    return match.end() if match else at


def _surname_end(text: str, start: int) -> int:
    """End of the surname at ``start``; 0 when there is none, or an everyday word begins like one."""
    if text.startswith(_NOT_NAMES, start):
        return 0
    if text[start : start + 2] in COMPOUND_SURNAMES:
        return start + 2
    return start + 1 if text[start : start + 1] in SURNAMES else 0


def _full_name_end(h: Heard, start: int) -> int:
    """End of surname and given name at ``start``; 0 when either is missing."""
    surname_end = _surname_end(h.text, start)
    return _given_end(h, surname_end) if surname_end else 0


def _given_end(h: Heard, start: int) -> int:
    """End of a given name of one or two characters: one word, or two words of one character; 0 when there is none."""
    text, at = h.text, h.word_at
    end = start
    while end < len(text) and end - start < 2 and not _ENDS_NAME.match(text, end):
        word_end = end + 1
        while word_end < len(text) and at[word_end] == at[end]:
            word_end += 1
        if word_end - start > 2:
            if end == start and at[start] != at[start - 1]:
                return 0  # an ordinary longer word follows the surname
            return end if end > start else _inside_long_word(text, start)
        end = word_end
    return end if end > start else 0


def _inside_long_word(text: str, start: int) -> int:
    """The name stands inside one long word, as in unsegmented text: two characters unless speech goes on."""
    end = start
    while end < len(text) and end - start < 2 and not _ENDS_NAME.match(text, end):
        end += 1
    return end if end > start else 0
