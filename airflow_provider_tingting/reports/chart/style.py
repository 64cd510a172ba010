"""The frame and the style sheet of the package's pages: those of a campaign's charts, and those of a rehearsal."""

from __future__ import annotations

from html import escape
from typing import Final

#: The pairs of colours differ for every kind of colour blindness, and text has a contrast of 4.5 or more.
PAGE_STYLE: Final = """
:root{--page:#f5f6f8;--card:#fff;--ink:#1b2430;--soft:#566273;--line:#e3e7ec;--track:#eceff3;
--good:#0f6fb5;--pale:#8fbfe3;--bad:#d9752b;--open:#9aa5b3}
@media (prefers-color-scheme:dark){:root{--page:#12161c;--card:#1b222b;--ink:#eef2f6;--soft:#a9b4c2;--line:#323c49;
--track:#2a333f;--good:#58aeea;--pale:#33658b;--bad:#ee9a57;--open:#6d7988}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);line-height:1.5;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans Devanagari","Kohinoor Devanagari",
"Nirmala UI",Mangal,sans-serif}
main{max-width:1080px;margin:0 auto;padding:clamp(1rem,4vw,2.5rem) clamp(.75rem,3vw,2rem)}
h1{font-size:clamp(1.5rem,4.5vw,2.25rem);line-height:1.3;margin:0 0 .25rem;overflow-wrap:anywhere}
header p{margin:0;color:var(--soft);overflow-wrap:anywhere}
[lang=ne]{font-weight:400;color:var(--soft);font-size:.92em}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1.5rem 0 .75rem}
.tiles div,section{background:var(--card);border:1px solid var(--line);border-radius:12px}
.tiles div{padding:.8rem 1rem}
dt{font-size:.85rem;color:var(--soft)}
dt span{display:block}
dd{margin:.15rem 0 0;font-size:1.6rem;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums}
dd small{display:block;font-size:.85rem;font-weight:400;color:var(--soft)}
.charts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:.75rem}
section{padding:1.1rem 1.2rem;min-width:0;display:flex;flex-direction:column}
h2 span{display:inline-block}
h2{font-size:1.1rem;line-height:1.4;margin:0}
section>p{margin:.15rem 0 .9rem;color:var(--soft)}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{font-family:inherit!important}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;list-style:none;margin:0 0 .6rem;padding:0;font-size:.9rem}
.legend i{display:inline-block;width:.8em;height:.8em;border-radius:3px;margin-right:.45em}
section>p.axis{margin:.1rem 0 0;font-size:.85rem;text-align:center}
details{margin-top:auto;padding-top:.9rem;font-size:.9rem}
summary{cursor:pointer;color:var(--soft)}
table{width:100%;border-collapse:collapse;margin-top:.5rem;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.3rem 0 .3rem .75rem;border-bottom:1px solid var(--line)}
th:first-child{text-align:left;padding-left:0;font-weight:400}
thead th,thead th:first-child{font-weight:600;color:var(--soft)}
footer{margin-top:1.25rem;font-size:.85rem;color:var(--soft)}
@media (max-width:760px){.charts{grid-template-columns:minmax(0,1fr)}
.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}
.tiles div:last-child:nth-child(odd){grid-column:1/-1}
svg text{font-size:14px!important}}
@media print{:root{--page:#fff;--card:#fff;--ink:#1b2430;--soft:#566273;--line:#d5dae0;--track:#eceff3;
--good:#0f6fb5;--pale:#8fbfe3;--bad:#d9752b;--open:#9aa5b3}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}section,.tiles div{break-inside:avoid}
details{display:none}}
"""


def page(title: str, content: str, *, style: str = "") -> str:
    """Return a whole page, which loads nothing from the network.

    :param title: the page's title, not yet escaped.
    :param content: the HTML of its `main` element.
    :param style: rules that the page needs besides `PAGE_STYLE`.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>{PAGE_STYLE}{style}</style>
</head>
<body>
<main>
{content}
</main>
</body>
</html>
"""
