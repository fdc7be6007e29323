--- style.lua: how pages look, notebooks and the reference, in light and dark.

return [[
:root { color-scheme: light dark; --page: #fff; --ink: #1c2126; --soft: #5c6670; --line: #d9dee3; --code: #f6f8fa;
  --keyword: #8a3ea8; --string: #2c6e31; --number: #a64b00; --comment: #6a737d; --error: #b3261e; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --page: #15181c; --ink: #e3e6e9; --soft: #9aa4ae; --line: #343a41; --code: #1d2126;
    --keyword: #d2a1ea; --string: #9bd19f; --number: #f0b27a; --comment: #8b949e; --error: #ff9b93; --link: #7ab8f5; }
  figure svg, figure img { filter: invert(0.92) hue-rotate(180deg); mix-blend-mode: lighten; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1, h2, h3, h4 { line-height: 1.25; margin: 1.6em 0 0.5em; }
h1:first-child { margin-top: 0; }
a { color: var(--link); }
code, pre { font: 0.8rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
p code, li code, td code { background: var(--code); padding: 0.1em 0.3em; border-radius: 3px; }
pre { margin: 0; padding: 0.7rem 0.9rem; overflow-x: auto; tab-size: 4; }
pre code { font: inherit; }
.cell { margin: 1.1rem 0; }
.name { color: var(--soft); font-size: 0.8rem; margin-bottom: 0.25rem; }
.source, .fence { background: var(--code); border: 1px solid var(--line); border-radius: 6px; }
.output { border-left: 3px solid var(--line); margin: 0.4rem 0 0 0.2rem; max-height: 40rem; overflow: auto; }
.error { border-color: var(--error); color: var(--error); white-space: pre-wrap; }
.raw { white-space: pre-wrap; color: var(--soft); }
figure { margin: 0.8rem 0 0; }
figure svg, figure img { max-width: 100%; height: auto; display: block; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 0.8rem 0; }
th, td { border: 1px solid var(--line); padding: 0.25rem 0.6rem; text-align: left; }
blockquote { margin: 0.8rem 0; padding-left: 1rem; border-left: 3px solid var(--line); color: var(--soft); }
hr { border: 0; border-top: 1px solid var(--line); }
footer { margin-top: 3rem; padding-top: 0.6rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.8rem; }
.k { color: var(--keyword); } .s { color: var(--string); } .n { color: var(--number); } .c { color: var(--comment); }
@media print { .output { max-height: none; } pre { white-space: pre-wrap; } }
]]
