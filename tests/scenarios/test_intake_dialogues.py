"""Pasted dialogues and what intake must make of them.

To add one, copy a block: the lines as heard (words separated by spaces, as the recogniser gives them), a line of
dashes, then ``field = value`` for what must be filled and ``field ? code`` for what must stay blank and why. Fields not
named must be blank or are not of interest, except: ``only`` as the last line says that nothing else may be filled.
The call was made on Monday 2026-11-23 from 13800000000.
"""

from __future__ import annotations

from datetime import date

import pytest

from ivr.domain.evidence import Thresholds
from ivr.domain.intake import draft
from tests.scenarios.intake_dialogue import code_tables, dialogue, gazetteer

DIALOGUES = {
    "拖欠工资，报全了": """
        坐席：您好 西夏区 一 二 三 四 八 热线 请 说
        来电：你好 我 是 兴泾镇 泾华 村 的 农民 包工头 欠 我 三 个 月 工资 一共 三 万 五 怎么 办
        坐席：您 贵姓
        来电：我 姓 马 叫 马 建国
        坐席：您 的 联系 电话 是 多少
        来电：幺 三 九 零 九 五 一 一 二 三 四
        坐席：幺 三 九 零 九 五 一 一 二 三 四 对 吗
        来电：对
        ----
        category = consultation
        matter = labour
        caller_name = 马建国
        callback_number = 13909511234
        place = 640105100-L01
        amount = 35000
        only
    """,
    "演示的那通电话": """
        坐席：您好 请问 您 想 咨询 什么 问题
        来电：你好 我 想 咨询 一下 劳动 争议 的 事情
        来电：老板 拖欠 工资 三 个 月 了 不 给 钱
        坐席：请问 您 的 姓名 和 电话
        来电：我 叫 马 建国 我 家 住 在 兴泾镇 泾华 村
        来电：我 的 电话 是 幺 三 八 九 五 幺 幺 二 三 四 八
        坐席：好 的 已经 登记 请 等 我们 电话 回访
        来电：好 的 谢谢 再见
        ----
        category = consultation
        matter = labour
        caller_name = 马建国
        callback_number = 13895112348
        place = 640105100-L01
        only
    """,
    "离婚咨询，答称呼": """
        来电：你好 我 想 咨询 一下 离婚 以后 孩子 的 抚养权 归 谁
        坐席：请问 怎么 称呼 您
        来电：李 秀英
        坐席：您 住 在 哪里
        来电：文昌路 街道
        ----
        category = consultation
        matter = family
        caller_name = 李秀英
        place = 640105003
        callback_number ? not_said
        only
    """,
    "申请法律援助，请不起律师": """
        来电：我 经济 困难 请 不 起 律师 能不能 申请 法律 援助
        坐席：可以 的 您 是 什么 事情
        来电：我 上 个 月 在 工地 上 受伤 了 包工头 跑 了
        ----
        category = legal_aid
        matter = tort.work_injury
        date = 2026-10-01/2026-10-31
        only
    """,
    "公证不是咨询": """
        来电：请问 办理 遗嘱 公证 需要 什么 材料
        ----
        category = notary
        matter = inheritance
        only
    """,
    "交通事故，日期没说年份": """
        来电：我 爸 三 月 五 号 在 怀远 西路 被 车 撞 了 花 了 两 万 三 千 块 钱
        ----
        matter = tort.traffic
        date = 2026-03-05
        amount = 23000
        category ? not_said
    """,
    "被邻居打伤，两边一样重": """
        来电：邻居 半夜 吵 我 说 他 他 打 了 我
        ----
        matter ? tied
    """,
    "侵权两类打平，留上级": """
        来电：那个 人 酒驾 下车 还 跟 我 打架
        ----
        matter = tort
    """,
    "借条与大概的数": """
        来电：去年 我 借 给 同事 大概 两 万 块 钱 有 借条 他 一直 不 还
        ----
        matter = debt
        amount = 20000
        date = 2025-01-01/2025-12-31
    """,
    "十几万是个范围": """
        来电：我 被 电信 诈骗 骗 了 十 几 万
        ----
        matter = criminal
        amount = 110000/200000
        category ? not_said
    """,
    "不是要离婚": """
        来电：我 不 是 要 离婚 我 是 想 问 一下 物业费 的 事情
        ----
        category = consultation
        matter = contract
    """,
    "不想离婚也是婚姻": """
        来电：我 老公 要 离婚 我 不 想 离婚
        ----
        matter = family
        category ? not_said
        only
    """,
    "号码分三段，坐席逐段应": """
        坐席：您 的 电话
        来电：一 三 九
        坐席：嗯
        来电：零 九 五 一
        坐席：零 九 五 一
        来电：一 二 三 四
        坐席：好 的
        ----
        callback_number = 13909511234
        only
    """,
    "号码说错了重说": """
        来电：我 的 电话 是 幺 三 九 零 九 五 一 一 二 三 四 不 对 幺 三 八 零 九 五 一 一 二 三 四
        ----
        callback_number = 13809511234
        only
    """,
    "更正了却没有说全": """
        来电：我 的 电话 是 幺 三 九 零 九 五 一 一 二 三 四
        来电：不 对 后面 是 五 五 五 五
        ----
        callback_number ? corrected
    """,
    "两个号码不知哪个": """
        来电：一 三 九 零 九 五 一 一 二 三 四
        坐席：还有 别的 吗
        来电：还有 一 三 八 零 九 五 一 五 六 七 八
        ----
        callback_number ? conflict
    """,
    "老板的号码不是回电号码": """
        来电：老板 的 电话 是 一 三 八 零 九 五 一 五 六 七 八
        坐席：您 自己 的 呢
        来电：我 的 手机 是 一 三 九 零 九 五 一 一 二 三 四
        ----
        callback_number = 13909511234
    """,
    "座机带区号": """
        来电：电话 号码 零 九 五 一 二 零 七 八 三 四 五
        ----
        callback_number = 09512078345
    """,
    "号码后面紧跟一直": """
        来电：我 的 电话 是 一 三 九 零 九 五 一 一 二 三 四 一直 开 着
        ----
        callback_number = 13909511234
    """,
    "少一位": """
        来电：我 的 电话 是 一 三 九 零 九 五 一 一 二 三
        ----
        callback_number ? incomplete
    """,
    "身份证不是电话": """
        来电：身份证 号 是 六 四 零 一 零 五 一 九 八 零 零 一 零 一 一 二 三 四
        ----
        callback_number ? not_said
        only
    """,
    "坐席复述不一致": """
        来电：一 三 九 零 九 五 一 一 二 三 四
        坐席：一 三 九 零 九 五 一 一 二 三 七
        来电：嗯
        ----
        callback_number ? conflict
    """,
    "就打这个电话": """
        坐席：我们 怎么 联系 您
        来电：就 打 这个 电话
        ----
        callback_number = 13800000000
        only
    """,
    "坐席念屏幕上的号码，来电人认了": """
        坐席：您 的 电话 是 一 三 九 零 九 五 一 一 二 三 四 对 吗
        来电：对 的
        ----
        callback_number = 13909511234
        only
    """,
    "坐席给的号码不是来电人的": """
        坐席：司法 局 的 电话 是 零 九 五 一 二 零 七 八 三 四 五
        来电：好 的 谢谢
        ----
        callback_number ? not_said
        only
    """,
    "住处与打工处": """
        来电：我 住 在 镇北堡镇 在 兴泾镇 打工 公司 不 交 社保
        ----
        place = 640105101
        matter = labour
    """,
    "提到两个镇": """
        来电：镇北堡镇 和 兴泾镇 都 有 我 的 活 老板 不 发 工资
        ----
        place ? conflict
        matter = labour
    """,
    "西花园路街道的社区": """
        坐席：您 是 哪个 社区
        来电：西花园路 街道 康庄 社区
        ----
        place = 640105001-L01
        only
    """,
    "不是这里是那里": """
        来电：我 不 是 兴泾镇 的 我 是 镇北堡镇 的
        ----
        place = 640105101
        only
    """,
    "派出所不是住处": """
        来电：兴泾镇 派出所 不 管
        ----
        place ? not_said
        only
    """,
    "坐席问住处，来电人认了": """
        坐席：您 住 在 宁华路 街道 是 吗
        来电：是 的
        ----
        place = 640105005
        only
    """,
    "村居占位不算地方": """
        来电：我 住 在 待导入村居01
        ----
        place ? not_said
    """,
    "我老公叫什么不是我": """
        来电：我 老公 叫 马 强 他 天天 打 我
        ----
        caller_name ? not_said
        matter = family
    """,
    "只说了姓": """
        坐席：您 贵姓
        来电：免贵 姓 马
        ----
        caller_name = 马
        only
    """,
    "没有断词的一句": """
        来电：我叫马建国住在兴泾镇老板拖欠工资三万块钱
        ----
        caller_name = 马建国
        place = 640105100
        matter = labour
        amount = 30000
    """,
    "投诉服务态度": """
        来电：我 要 投诉 你们 的 服务 态度
        ----
        category = complaint
        only
    """,
    "劳动仲裁": """
        来电：我 上 周 三 被 公司 辞退 了 可以 去 申请 劳动 仲裁 吗
        ----
        category = arbitration
        matter = labour
        date = 2026-11-18
    """,
    "亲子鉴定": """
        来电：我 想 给 孩子 做 亲子 鉴定 要 多少 钱
        ----
        category = forensic
        only
    """,
    "听不清": """
        来电：我 的 电话 是 一 三 九 零 九 五 一 一 二@0.3 三 四
        来电：我 想 离婚@0.2
        ----
        callback_number ? unclear
        matter ? unclear
        only
    """,
    "听不清但坐席复述过": """
        来电：我 的 电话 是 一 三 九 零 九 五 一 一 二@0.5 三 四
        坐席：一 三 九 零 九 五 一 一 二 三 四
        ----
        callback_number = 13909511234
        only
    """,
    "只有坐席说了几句类别": """
        坐席：您 可以 做 公证 也 可以 调解
        来电：嗯 好
        ----
        category ? not_said
        only
    """,
    "年龄不是日期，人数不是钱": """
        来电：我 今年 六 十 岁 我们 十 几 个 人 等 了 三 个 小时
        ----
        amount ? not_said
        date ? not_said
        only
    """,
}


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogue(name: str) -> None:
    said, _, expected = DIALOGUES[name].partition("----")
    result = draft(dialogue(said), code_tables(), gazetteer(), "13800000000", date(2026, 11, 23), Thresholds())
    filled: dict[str, str] = {field.name: field.value for field in reversed(result.fields)}
    reasons: dict[str, str] = {reason.field: reason.code for reason in result.reasons}
    named: set[str] = set()
    for line in filter(None, map(str.strip, expected.splitlines())):
        if line == "only":
            assert set(filled) == named, f"also filled: { {k: v for k, v in filled.items() if k not in named} }"
        elif " = " in line:
            field, value = line.split(" = ")
            assert filled.get(field) == value, (field, reasons.get(field))
            named.add(field)
        else:
            field, code = line.split(" ? ")
            assert reasons.get(field) == code, (field, filled.get(field))
