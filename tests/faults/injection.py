"""What hostile people have put where a name, a number, a search or a file name belongs; MARKER is a file nobody may make.

Sorted by what it means to hit. Bytes, because a line carries bytes: some are no UTF-8.
"""

from __future__ import annotations

_KINDS: dict[str, tuple[str | bytes, ...]] = {
    "shell": (
        "$(touch MARKER)", "`touch MARKER`", "; touch MARKER ;", "| touch MARKER", "|| touch MARKER", "&& touch MARKER", "& touch MARKER &",
        "> MARKER", ">> MARKER", "< /etc/passwd", "'; touch MARKER; '", "\"; touch MARKER; \"", "$(touch${IFS}MARKER)", "${IFS}touch${IFS}MARKER",
        "{touch,MARKER}", "a\\\ntouch MARKER", "touch MARKER #", "!touch MARKER", "!!", "~root", "*", "?", "[a-z]*", "-rf /", "--help", "-e touch",
        "$PATH", "${HOME}", "$((1+1))", "<(touch MARKER)", "\\$(touch MARKER)", "^touch^MARKER",
    ),
    "dialplan": (
        "${SHELL(touch MARKER)}", "${SHELL(touch${IFS}MARKER)}", "${EVAL(${SHELL(touch MARKER)})}", "${SYSTEM(touch MARKER)}", "${FILE(/etc/passwd)}",
        "${FILE(MARKER)=x}", "${DB(a/b)}", "${DB_DELETE(a/b)}", "${CURL(http://127.0.0.1/)}", "${ENV(HOME)}", "${GLOBAL(RECORDINGS)}", "${CALLERID(num)}",
        "${CALLERID(name)}", "${EXTEN}", "${CHANNEL}", "${RECORDINGS}/x", "$[1/0]", "$[1 + ]", "$[\"a\" = \"a\"]", "${", "$[", "${}", "$[]", "${${${}}}", "${A:0:99999}",
        "s,1,System(touch MARKER)", "1)&System(touch MARKER", "a,b,c,d,e,f", "PJSIP/13800000000@trunk-carrier", "Local/s@hotline", "a&PJSIP/seat-one",
        "a^b^c", "MixMonitor(x,,touch MARKER)", "@hotline", "h", "i", "t", "T", "_X.", "_.", "#include /etc/passwd", "[hotline]", "exten => s,1,System(touch MARKER)",
    ),
    "manager": (
        "x\r\nAction: Originate", "x\r\n\r\nAction: Command\r\nCommand: core stop now\r\n\r\n", "x\nAction: Logoff", "x\rEvent: FullyBooted",
        "Event: Hangup", "ActionID: 1", "Response: Success", "Variable: a=b", "x%0d%0aAction:%20Originate", "--END COMMAND--",
    ),
    "ledger": (
        "\",\"LINKEDID_END\",\"", "\"\"", "\"", "\\\"", "\\", "\\\\", "\\\\\\\"", "a\"b\"c", "\"USER_DEFINED\",\"RECORDING\"", ",,,,,,,,", "';'", "\"\n\"CHAN_START\"",
        "\n\"LINKEDID_END\",\"LINKEDID_END\"", "{\"extra\":\"x\"}", "|CONNECT|", "1795506589|x|hotline|NONE|CONNECT|1", "a|b|c|d|e", "\\u0000", "\\n\\r\\t",
    ),
    "sql": (
        "'", "''", "' OR '1'='1", "' OR 1=1 --", "'; DROP TABLE call; --", "'); DELETE FROM work_order; --", "\" OR \"\"=\"", "1; SELECT pg_sleep(10)", "' UNION SELECT 1,2,3 --",
        "$1", "$$; DROP TABLE call; $$", "%", "_", "%_%", "\\%", "/* */", "--", "x' AND 1=CAST((SELECT version()) AS int) --", "COPY call TO PROGRAM 'touch MARKER'",
        "E'\\\\'", "NULL", "null", "0x27", "' || pg_read_file('/etc/passwd') || '",
    ),
    "markup": (
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<svg/onload=alert`1`>", "\"><script>alert(1)</script>", "'><b>x</b>", "</td></tr><h1>x",
        "<iframe src=javascript:alert(1)>", "javascript:alert(1)", "<a href=\"javascript:alert(1)\">x</a>", "&lt;b&gt;", "&#60;b&#62;", "&amp;", "<!-- x -->", "-->", "]]>", "<![CDATA[x]]>",
        "<style>*{display:none}</style>", "<meta http-equiv=refresh content=0>", "<base href=//x>", "{{ 7*7 }}", "{% x %}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{constructor.constructor('alert(1)')()}}",
        "[[7*7]]", "@{7*7}", "<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">", "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
    ),
    "spreadsheet": (
        "=1+1", "+1+1", "-1+1", "@SUM(1+1)", "=cmd|' /C calc'!A0", "=HYPERLINK(\"http://x\")", "=IMPORTXML(\"http://x\",\"//a\")", "\t=1+1", "\r=1+1", "＝1+1", "=DDE(\"cmd\",\"x\")",
    ),
    "path": (
        "../../../etc/passwd", "..\\..\\windows", "/etc/passwd", "....//....//etc/passwd", "%2e%2e%2f%2e%2e%2fetc", "..%252f..", "file:///etc/passwd", "C:\\x", "\\\\x\\y", "/dev/zero",
        "/proc/self/environ", "a/b/c", ".", "..", "~", "CON", "a.wav\0.txt", "20261124/x-caller.wav",
    ),
    "format": ("%s%s%s%s%n", "%x%x%x", "%p", "%99999d", "{0}", "{0.__class__}", "{}", "%(a)s", "%00", "%0a", "\\x00", "\\u202e"),
    "writing": (
        "\u202e12348\u202c", "\u2066律师\u2069", "\u200e\u200f", "\u061c1", "\u200b\u200c\u200d", "\ufeff律", "\u2028\u2029", "e\u0301", "\u0336" * 20, "😀☎️👨‍👩‍👧‍👦", "🏴\U000e0067\U000e0062\U000e007f",
        "律" * 250, "x" * 250, "马建国", "ﾏ", "Ａｄｍｉｎ", "ı", "ß", "\u00a0", "\u3000", "ﷺ", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢", "\ud7ff", "\U0010ffff",
    ),
    "bytes": (
        b"\xff\xfe\x80", b"half \xe5\xbe", b"\xed\xa0\x80", b"\xc0\xaf\xc0\xae", b"\xf8\x88\x80\x80\x80", b"a\x00b", b"\x01\x02\x03", b"\x1b[2J\x1b[31m", b"\x07\x08", b"\x7f", b"\x85", b"\x9b31m",
        b"\t", b"\x0b\x0c", b"\x1a", b"a\x1b]0;x\x07",
    ),
    "log": (
        "x\",\"level\":\"critical\",\"event\":\"forged", "x\n{\"event\": \"forged\"}", "2026-11-25T00:00:00Z [ERROR] forged", "\x1b[1A\x1b[2Kforged", "NOTICE[1] pbx.c: forged",
    ),
    "words": ("admin", "root", "anonymous", "restricted", "unknown", "true", "None", "NaN", "undefined", "-1", "1e309", "9" * 60, "12348", "seat-one", "trunk-carrier", "echo", "sip:x@y", "tel:+86", "<sip:x@y>"),
}

CORPUS: tuple[bytes, ...] = tuple(
    dict.fromkeys(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for kind in _KINDS.values() for text in kind)
)
