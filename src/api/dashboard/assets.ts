/** What the pages load: the style, the script and the icon. The pages work without any of them. */

/** Colours are named for what they mean. Every pair of text and ground has a contrast of 4.5 or more, in both themes. */
export const STYLE = `
:root{color-scheme:light dark;--ground:#fafaf9;--raised:#fff;--ink:#1c2321;--soft:#56605c;--line:#dde2df;--accent:#0b6b5c;--on-accent:#fff;
--accent-2:#4da493;--accent-3:#98cdc1;--accent-4:#5c6f8f;--wait:#6f4a00;--wait-ground:#fdf4df;--wait-line:#e6c67c;--bad:#8f1d14;--bad-ground:#fdecea;--bad-line:#eab0aa}
@media (prefers-color-scheme:dark){:root{--ground:#111514;--raised:#191f1d;--ink:#e7ecea;--soft:#a3aeaa;--line:#2f3835;--accent:#62d0b7;--on-accent:#06211b;
--accent-2:#2f9d86;--accent-3:#1d6455;--accent-4:#8ea3c7;--wait:#f3d086;--wait-ground:#2c2411;--wait-line:#6b571f;--bad:#f6aca4;--bad-ground:#341815;--bad-line:#7a352e}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.55 system-ui,sans-serif;font-variant-numeric:tabular-nums}
a{color:var(--accent);text-underline-offset:.15em}
a:focus-visible,button:focus-visible,input:focus-visible,select:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.top{display:flex;gap:.25rem 2rem;align-items:baseline;flex-wrap:wrap;padding:.75rem clamp(1rem,4vw,3rem);background:var(--raised);border-bottom:1px solid var(--line)}
.top nav{display:flex;gap:.25rem 2rem;align-items:baseline;flex-wrap:wrap;flex:1}
.top ul{display:flex;flex-wrap:wrap;gap:0 1.25rem;list-style:none;margin:0;padding:0}
.top li a{display:block;padding:.5rem 0;color:var(--soft);text-decoration:none;border-bottom:2px solid transparent}
.top li a:hover{color:var(--ink)}
.top li a[aria-current]{color:var(--ink);border-color:var(--accent)}
.name{font-weight:700;letter-spacing:-.01em;color:var(--ink);text-decoration:none}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;background:var(--raised);padding:.5rem 1rem;z-index:1}
main{max-width:76rem;margin:0 auto;padding:clamp(1.5rem,4vw,3rem) clamp(1rem,4vw,3rem) 5rem}
main:focus{outline:0}
h1{font-size:1.6rem;line-height:1.25;letter-spacing:-.015em;margin:0 0 1.5rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:3rem 0 .75rem}
h2:first-child{margin-top:0}
p{margin:0 0 .75rem;max-width:46rem}
small,.soft,dt{color:var(--soft)}
small{font-size:.85em}
.none{color:var(--soft)}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.lead{font-size:1.25rem;line-height:1.45;max-width:52rem}
.lead::before{content:"";display:inline-block;width:.7rem;height:.7rem;border-radius:50%;margin-right:.6rem;background:currentcolor}
.lead.good::before{background:var(--accent)}.lead.wait{color:var(--wait)}.lead.bad{color:var(--bad)}
.row{display:flex;flex-wrap:wrap;gap:.75rem;align-items:end;margin:1rem 0}
button,.button{font:inherit;font-weight:600;padding:.5rem 1.1rem;border-radius:.4rem;border:1px solid var(--line);background:var(--raised);color:var(--ink);cursor:pointer;text-decoration:none;display:inline-block}
button:hover,.button:hover{border-color:var(--soft)}
button.main{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
button.quiet{border-color:transparent;background:none;color:var(--soft);font-weight:400;padding-inline:0}
button.small{padding:.15rem .6rem;font-size:.9rem}
input,select{font:inherit;color:inherit;background:var(--raised);border:1px solid var(--soft);border-radius:.4rem;padding:.45rem .6rem;max-width:100%}
label{display:block;font-size:.9rem;color:var(--soft)}
label>input,label>select{display:block;color:var(--ink);margin-top:.2rem}
label.wide{flex:1 1 18rem}label.wide>input{width:100%}
.box{background:var(--raised);border:1px solid var(--line);border-radius:.6rem;padding:1.25rem 1.5rem;margin:0 0 1.5rem}
.box.wait{background:var(--wait-ground);border-color:var(--wait-line)}
.box.wait h2{color:var(--wait)}
.box.bad{background:var(--bad-ground);border-color:var(--bad-line);color:var(--bad)}
.box small,.box .soft,.box label,.box summary,.box dt{color:inherit}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:1.5rem 2rem;margin:2.5rem 0}
.figures div{border-top:1px solid var(--line);padding-top:.6rem}
.figures dd{margin:0}
.figures .big{font-size:1.7rem;line-height:1.3;letter-spacing:-.02em;display:block}
.figures .big small{font-size:1rem}
.chart{width:100%;height:9rem;display:block;border-bottom:1px solid var(--line)}
.k1{fill:var(--accent);background:var(--accent)}.k2{fill:var(--accent-2);background:var(--accent-2)}.k3{fill:var(--accent-3);background:var(--accent-3)}.k4{fill:var(--accent-4);background:var(--accent-4)}
.axis{max-width:none;display:flex;justify-content:space-between;color:var(--soft);font-size:.85rem;margin:.25rem 0 1rem}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.75rem;list-style:none;margin:0 0 1rem;padding:0}
.legend i{display:inline-block;width:.75rem;height:.75rem;border-radius:.15rem;margin-right:.5rem}
.scroll{overflow-x:auto;margin:0 0 1rem;position:relative}
table{border-collapse:collapse;width:100%;font-size:.95rem}
th{font-weight:500;color:var(--soft);text-align:left;white-space:nowrap}
th,td{padding:.55rem 1.25rem .55rem 0;border-bottom:1px solid var(--line);vertical-align:top}
.box th,.box td{color:inherit}.box.wait th,.box.wait td{border-color:var(--wait-line)}
tbody th{font-weight:600;color:var(--ink)}
td.number,th.number{text-align:right;white-space:nowrap}
td small{display:block}td time,td button{white-space:nowrap}
td form{display:inline-block;margin:0 .5rem .25rem 0}
.foreign{overflow-wrap:anywhere}
.key{font-family:ui-monospace,monospace;font-size:.92em;display:inline-block;min-width:12rem;max-width:34rem;max-height:4.8em;overflow:hidden}
.code-point{border:1px solid;border-radius:.2rem;font-size:.75em;padding:0 .2em;margin:0 .1em}
.state{white-space:nowrap;font-weight:600}
.state.wait{color:var(--wait)}.state.bad{color:var(--bad)}
ul.plain{list-style:none;padding:0;margin:0 0 1rem}
ul.plain li{padding:.4rem 0;border-bottom:1px solid var(--line)}
dl.pairs{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.4rem 2rem;margin:0 0 1.5rem}
dl.pairs dd{margin:0;overflow-wrap:anywhere}
summary{cursor:pointer;color:var(--accent)}
details{margin:0 0 1rem}
details[open]>summary{margin-bottom:.75rem}
@media (max-width:40rem){dl.pairs{grid-template-columns:1fr;gap:0}dl.pairs dd{margin-bottom:.75rem}.box{padding:1rem}.figures{grid-template-columns:1fr 1fr;gap:1.25rem}.figures .big{font-size:1.3rem}}
`;

/**
 * Times in the reader's zone, with UTC at hand; and what is live is asked for again as long as it is. Where a run waits
 * for its next slice and this reader started it (`data-go-on`), the slice is asked for instead. While the network is away a
 * look finds nothing, and the next one follows.
 */
export const SCRIPT = `"use strict";
const localise = (root) => {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.title = time.textContent;
    time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
};
const later = () => document.querySelector("[data-live]") && setTimeout(look, 2000);
const look = async () => {
  const here = document.querySelector("[data-live]");
  const form = here.querySelector("[data-go-on] form");
  try {
    const answer = form
      ? await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) })
      : await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("main");
    if (answer.ok && next && !here.matches(":has(input:focus, select:focus, button:focus)")) {
      localise(next);
      const open = [...here.querySelectorAll("details")].map((one) => one.open);
      next.querySelectorAll("details").forEach((one, at) => { one.open = open[at] ?? one.open; });
      here.replaceWith(next);
      document.title = page.title;
    }
  } catch {}
  later();
};
localise(document);
later();
`;

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#0b6b5c"/><path d="M4 11.5 9.5 6m-5 6.5h7M9 3.5l3.5 3.5" stroke="#fff" stroke-width="1.6" stroke-linecap="round" fill="none"/></svg>`;
